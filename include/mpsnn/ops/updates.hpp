#pragma once

#include <memory>
#include <vector>

#include "mpsnn/data_source.hpp"
#include "mpsnn/ops/attributes.hpp"

/// Updates write their first inputs in place and have no output.
namespace mpsnn {

/// statistic <- keep * statistic + (1 - keep) * value.
struct Running {
  float keep = 0.9f;
  static const OpSpec& spec();
};

/// w <- w - rate * g;  with momentum  m <- momentum * m + rate * g, w <- w - m;
/// Nesterov  m <- momentum * m + g, w <- w - rate * (g + momentum * m).
struct Sgd {
  float momentum = 0;
  bool nesterov = false;
  static const OpSpec& spec();
};

/// s <- decay * s + (1 - decay) g^2;  w <- w - rate * g / (sqrt(s) + epsilon).
struct RmsProp {
  float decay = 0.9f;
  float epsilon = 1e-8f;
  static const OpSpec& spec();
};

/// m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;
/// w <- w - rate * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon), t from 1.
/// Kingma & Ba 2015, with the epsilon of their section 2's last lines, as MPS.
struct Adam {
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  static const OpSpec& spec();
};

/// Calls DataSource::update of `source` on the host.  parameters..., gradients...
struct HostUpdate {
  std::shared_ptr<DataSource> source;
  std::vector<SourceTensor> tensors;
  static const OpSpec& spec();
};

using UpdateOps = OpList<Running, Sgd, RmsProp, Adam, HostUpdate>;

}  // namespace mpsnn
