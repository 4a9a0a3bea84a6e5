#pragma once

#include <variant>

#include "mpsnn/ops/arithmetic.hpp"
#include "mpsnn/ops/convolution.hpp"
#include "mpsnn/ops/layout.hpp"
#include "mpsnn/ops/losses.hpp"
#include "mpsnn/ops/neurons.hpp"
#include "mpsnn/ops/normalization.hpp"
#include "mpsnn/ops/pooling.hpp"
#include "mpsnn/ops/recurrent.hpp"
#include "mpsnn/ops/reductions.hpp"
#include "mpsnn/ops/sampling.hpp"
#include "mpsnn/ops/sources.hpp"
#include "mpsnn/ops/updates.hpp"

/// The vocabulary. An op is a plain struct of its attributes. Its shape and
/// gradient rules are its spec(), in src/ops; its kernels are in src/backend.
namespace mpsnn {

/// The variant of every op of some lists.
template <class... Lists>
struct JoinOps;
template <class... A>
struct JoinOps<OpList<A...>> {
  using type = std::variant<A...>;
};
template <class... A, class... B, class... Rest>
struct JoinOps<OpList<A...>, OpList<B...>, Rest...> : JoinOps<OpList<A..., B...>, Rest...> {};

using Op = JoinOps<SourceOps, ConvolutionOps, PoolingOps, NormalizationOps, NeuronOps, RecurrentOps,
                   ArithmeticOps, LayoutOps, SamplingOps, ReductionOps, LossOps, UpdateOps>::type;

}  // namespace mpsnn
