#pragma once

#include "mpsnn/backend.hpp"
#include "mpsnn/data_source.hpp"
#include "mpsnn/errors.hpp"
#include "mpsnn/graph.hpp"
#include "mpsnn/loss_labels.hpp"
#include "mpsnn/ops.hpp"
#include "mpsnn/predictor.hpp"
#include "mpsnn/profile.hpp"
#include "mpsnn/shape.hpp"
#include "mpsnn/sources.hpp"
#include "mpsnn/trainer.hpp"
#include "mpsnn/training.hpp"
