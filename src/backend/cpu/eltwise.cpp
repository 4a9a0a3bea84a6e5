#include "backend/cpu/eltwise.hpp"

namespace mpsnn::cpu {

std::optional<Eltwise> eltwise(const Neuron& n) {
  using A = dnnl::algorithm;
  switch (n.kind) {
    case Neuron::Kind::linear:
      return Eltwise{A::eltwise_linear, A::eltwise_linear, n.a, n.b};
    case Neuron::Kind::relu:
      return Eltwise{A::eltwise_relu, A::eltwise_relu_use_dst_for_bwd, n.a};
    case Neuron::Kind::relu_n:
      if (n.a != 0) return {};
      return Eltwise{A::eltwise_clip, A::eltwise_clip, 0, n.b};
    case Neuron::Kind::sigmoid:
      return Eltwise{A::eltwise_logistic, A::eltwise_logistic_use_dst_for_bwd};
    case Neuron::Kind::hard_sigmoid:
      return Eltwise{A::eltwise_hardsigmoid, A::eltwise_hardsigmoid, n.a, n.b};
    case Neuron::Kind::tanh:
      if (n.a != 1 || n.b != 1) return {};
      return Eltwise{A::eltwise_tanh, A::eltwise_tanh_use_dst_for_bwd};
    case Neuron::Kind::abs:
      return Eltwise{A::eltwise_abs, A::eltwise_abs};
    case Neuron::Kind::softplus:
      if (n.b == 0 || n.a * n.b != 1) return {};
      return Eltwise{A::eltwise_soft_relu, A::eltwise_soft_relu, n.b};
    case Neuron::Kind::elu:
      if (n.a < 0) return {};
      return Eltwise{A::eltwise_elu, A::eltwise_elu_use_dst_for_bwd, n.a};
    case Neuron::Kind::exponential:
      if (n.a != 1 || n.b != 0 || n.c != -1) return {};
      return Eltwise{A::eltwise_exp, A::eltwise_exp_use_dst_for_bwd};
    case Neuron::Kind::gelu:
      return Eltwise{A::eltwise_gelu_erf, A::eltwise_gelu_erf};
    case Neuron::Kind::silu:
      return Eltwise{A::eltwise_swish, A::eltwise_swish, 1};
    case Neuron::Kind::clamp:
      return Eltwise{A::eltwise_clip, A::eltwise_clip, n.a, n.b};
    default:
      return {};
  }
}

bool is_cheap(const Neuron& n) {
  switch (n.kind) {
    case Neuron::Kind::linear:
    case Neuron::Kind::relu:
    case Neuron::Kind::relu_n:
    case Neuron::Kind::hard_sigmoid:
    case Neuron::Kind::abs:
    case Neuron::Kind::softsign:
    case Neuron::Kind::clamp:
      return true;
    default:
      return false;
  }
}

}  // namespace mpsnn::cpu
