#include "backend/window_norm.hpp"

#include "backend/reference/kernels.hpp"

namespace mpsnn::reference {
namespace {

template <class Op>
KernelPair kernels() {
  return {[](KernelContext& k) { return window_norm::forward<double, Op>(k, one_by_one); },
          [](KernelContext& k) { return window_norm::gradient<double, Op>(k, one_by_one); }};
}

}  // namespace

KernelPair cross_channel_norm_kernels() { return kernels<CrossChannelNorm>(); }

KernelPair spatial_norm_kernels() { return kernels<SpatialNorm>(); }

KernelPair local_contrast_norm_kernels() { return kernels<LocalContrastNorm>(); }

}  // namespace mpsnn::reference
