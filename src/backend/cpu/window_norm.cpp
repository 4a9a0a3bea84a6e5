#include "backend/window_norm.hpp"

#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

template <class Op>
KernelPair kernels() {
  return {[](KernelContext& k) { return window_norm::forward<float, Op>(k, each_in_parallel); },
          [](KernelContext& k) { return window_norm::gradient<float, Op>(k, each_in_parallel); }};
}

}  // namespace

KernelPair cross_channel_norm_kernels() { return kernels<CrossChannelNorm>(); }

KernelPair spatial_norm_kernels() { return kernels<SpatialNorm>(); }

KernelPair local_contrast_norm_kernels() { return kernels<LocalContrastNorm>(); }

}  // namespace mpsnn::cpu
