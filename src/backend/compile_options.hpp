#pragma once

#include "mpsnn/backend.hpp"

namespace mpsnn {

/// What every backend asks of them. @throws ShapeError naming what is wrong.
void check_compile_options(const Graph& graph, const CompileOptions& options);

}  // namespace mpsnn
