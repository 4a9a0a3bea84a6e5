#include <cmath>

#include "ops/checks.hpp"

namespace mpsnn {
namespace {

/// The inputs of every optimizer: variables and a gradient of one shape, then its rate.
std::vector<TensorDesc> check_optimizer(const Op& op, std::span<const TensorDesc> in, int every) {
  require(every >= 1, op, str("every must be at least 1, got ", every));
  check_like_first(op, in.first(in.size() - 1));
  const Shape& rate = unbatched(op, "learning_rate", in.back());
  require(rate.rank() == 0, op, str("learning_rate must be one number (), got ", rate));
  return {};
}

std::vector<TensorDesc> infer_running(const Op& op, std::span<const TensorDesc> in) {
  const float keep = std::get<Running>(op).keep;
  require(keep >= 0 && keep <= 1, op, str("keep must be in [0, 1], got ", keep));
  check_like_first(op, in);
  return {};
}

std::vector<TensorDesc> infer_sgd(const Op& op, std::span<const TensorDesc> in) {
  const auto& sgd = std::get<Sgd>(op);
  require_fraction(op, "momentum", sgd.momentum);
  require(!sgd.nesterov || sgd.momentum > 0, op,
          str("momentum must be positive with nesterov, got ", sgd.momentum));
  const bool state = given(in[1]);
  require(state == (sgd.momentum > 0), op,
          str("input 'momentum' must be ", state ? "absent" : "given", " with momentum ",
              sgd.momentum));
  std::vector<TensorDesc> all(in.begin(), in.end());
  if (!state) all[1] = all[0];
  return check_optimizer(op, all, sgd.every);
}

std::vector<TensorDesc> infer_rms_prop(const Op& op, std::span<const TensorDesc> in) {
  require_fraction(op, "decay", std::get<RmsProp>(op).decay);
  require_positive(op, "epsilon", std::get<RmsProp>(op).epsilon);
  return check_optimizer(op, in, std::get<RmsProp>(op).every);
}

std::vector<TensorDesc> infer_adam(const Op& op, std::span<const TensorDesc> in) {
  const auto& adam = std::get<Adam>(op);
  require_fraction(op, "beta1", adam.beta1);
  require_fraction(op, "beta2", adam.beta2);
  require_positive(op, "epsilon", adam.epsilon);
  require(adam.weight_decay >= 0 && std::isfinite(adam.weight_decay), op,
          str("weight_decay must be finite and not negative, got ", adam.weight_decay));
  require(
      given(in[3]) == adam.amsgrad, op,
      str("input 'maximum' must be ", adam.amsgrad ? "given with" : "absent without", " amsgrad"));
  std::vector<TensorDesc> all(in.begin(), in.end());
  if (!adam.amsgrad) all[3] = all[0];
  return check_optimizer(op, all, adam.every);
}

std::string print_every(int steps) { return steps == 1 ? "" : str(" every=", steps); }

std::vector<TensorDesc> infer_host_update(const Op& op, std::span<const TensorDesc> in) {
  const auto& update = std::get<HostUpdate>(op);
  const std::size_t n = update.tensors.size();
  require(update.source != nullptr, op, "source is missing");
  require(n > 0 && in.size() == 2 * n, op,
          str("takes a parameter and a gradient for each of ", n, " tensors, got ", in.size(),
              " inputs"));
  for (std::size_t i = 0; i < n; ++i) {
    const auto& [tensor, shape] = update.tensors[i];
    require_like(op, str("parameter '", tensor, "'"), in[i], shape, "its source");
    require_like(op, str("gradient '", tensor, "'"), in[n + i], shape, "its source");
  }
  return {};
}

std::string host_update_attributes(const Op& op) {
  std::string out = " tensors=(";
  for (const SourceTensor& t : std::get<HostUpdate>(op).tensors) out += t.name + ',';
  return out + ')';
}

}  // namespace

const OpSpec& Running::spec() {
  static const OpSpec s{.name = "running",
                        .inputs = {"statistic", "value"},
                        .outputs = {},
                        .saved = {},
                        .gradients = {},
                        .infer = infer_running,
                        .attributes =
                            [](const Op& op) {
                              const auto& running = std::get<Running>(op);
                              return str(" keep=", running.keep,
                                         running.unbiased_pixels ? " unbiased" : "");
                            },
                        .writes = 1};
  return s;
}

const OpSpec& Sgd::spec() {
  static const OpSpec s{.name = "sgd",
                        .inputs = {"parameter", "momentum?", "gradient", "learning_rate"},
                        .outputs = {},
                        .saved = {},
                        .gradients = {},
                        .infer = infer_sgd,
                        .attributes =
                            [](const Op& op) {
                              const auto& sgd = std::get<Sgd>(op);
                              return str(" momentum=", sgd.momentum,
                                         sgd.nesterov ? " nesterov=true" : "",
                                         print_every(sgd.every));
                            },
                        .writes = 2};
  return s;
}

const OpSpec& RmsProp::spec() {
  static const OpSpec s{.name = "rms_prop",
                        .inputs = {"parameter", "square", "gradient", "learning_rate"},
                        .outputs = {},
                        .saved = {},
                        .gradients = {},
                        .infer = infer_rms_prop,
                        .attributes =
                            [](const Op& op) {
                              const auto& rms = std::get<RmsProp>(op);
                              return str(" decay=", rms.decay, " epsilon=", rms.epsilon,
                                         print_every(rms.every));
                            },
                        .writes = 2};
  return s;
}

const OpSpec& Adam::spec() {
  static const OpSpec s{
      .name = "adam",
      .inputs = {"parameter", "first_moment", "second_moment", "maximum?", "gradient",
                 "learning_rate"},
      .outputs = {},
      .saved = {},
      .gradients = {},
      .infer = infer_adam,
      .attributes =
          [](const Op& op) {
            const auto& adam = std::get<Adam>(op);
            return str(" beta1=", adam.beta1, " beta2=", adam.beta2, " epsilon=", adam.epsilon,
                       adam.weight_decay == 0 ? "" : str(" weight_decay=", adam.weight_decay),
                       adam.amsgrad ? " amsgrad=true" : "", print_every(adam.every));
          },
      .writes = 4};
  return s;
}

const OpSpec& HostUpdate::spec() {
  // It writes as many inputs as it has tensors, which only the node knows: the
  // engine asks HostUpdate::tensors. 1 here says that the node is never dead.
  static const OpSpec s{.name = "host_update",
                        .inputs = {"x*"},
                        .outputs = {},
                        .saved = {},
                        .gradients = {},
                        .infer = infer_host_update,
                        .attributes = host_update_attributes,
                        .writes = 1};
  return s;
}

}  // namespace mpsnn
