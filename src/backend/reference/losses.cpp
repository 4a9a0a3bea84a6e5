#include "backend/loss_kernels.hpp"
#include "backend/reference/kernels.hpp"
#include "ops/yolo.hpp"

namespace mpsnn::reference {
namespace {

template <class Image>
Kernel forward(KernelContext& k) {
  return loss::forward_kernel<double, Image>(k, one_by_one);
}

template <class Image>
Kernel gradient(KernelContext& k) {
  return loss::gradient_kernel<double, Image>(k, one_by_one);
}

/// Of the mean over the real images, or 1 where there is no batch axis.
Kernel initial_gradient(KernelContext& k) {
  return [batched = k.op<InitialGradient>().batched, N = k.batch](const Launch& l) {
    auto* y = l.out<double>(0);
    if (!batched) {
      *y = 1;
      return;
    }
    for (Dim n = 0; n < N; ++n) y[n] = n < l.run.images ? 1.0 / l.run.images : 0.0;
  };
}

}  // namespace

KernelPair initial_gradient_kernels() { return {initial_gradient}; }

KernelPair loss_kernels() {
  using Image = loss::Elements<double>;
  return {forward<Image>, gradient<Image>};
}

KernelPair yolo_loss_kernels() {
  using Image = loss::Yolo<double>;
  return {forward<Image>, gradient<Image>};
}

}  // namespace mpsnn::reference
