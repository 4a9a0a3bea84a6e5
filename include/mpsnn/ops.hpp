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

/// One op with its attributes: std::get_if, std::holds_alternative and std::visit take it as the
/// variant that it is. With so many alternatives a compiler needs seconds for a copy or an end of
/// one, so that these are in a source of their own.
class Op : public JoinOps<SourceOps, ConvolutionOps, PoolingOps, NormalizationOps, NeuronOps,
                          RecurrentOps, ArithmeticOps, LayoutOps, SamplingOps, ReductionOps,
                          LossOps, UpdateOps>::type {
 public:
  using Variant = variant;
  using variant::variant;
  Op();
  explicit Op(Variant op);
  Op(const Op& other);
  Op(Op&& other) noexcept;
  Op& operator=(const Op& other);
  Op& operator=(Op&& other) noexcept;
  ~Op();
};

}  // namespace mpsnn
