#include "backend/window_norm.hpp"

#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

constexpr auto in_parallel = [](Dim n, Dim cost, const auto& f) {
  parallel_for(n, cost, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) f(static_cast<Dim>(i));
  });
};

template <class Op>
KernelPair kernels() {
  return {[](KernelContext& k) { return window_norm::forward<float, Op>(k, in_parallel); },
          [](KernelContext& k) { return window_norm::gradient<float, Op>(k, in_parallel); }};
}

}  // namespace

KernelPair cross_channel_norm_kernels() { return kernels<CrossChannelNorm>(); }

KernelPair spatial_norm_kernels() { return kernels<SpatialNorm>(); }

KernelPair local_contrast_norm_kernels() { return kernels<LocalContrastNorm>(); }

}  // namespace mpsnn::cpu
