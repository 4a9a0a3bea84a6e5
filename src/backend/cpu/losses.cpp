#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"
#include "backend/loss_kernels.hpp"
#include "ops/yolo.hpp"

namespace mpsnn::cpu {
namespace {

template <class Image>
Kernel forward(KernelContext& k) {
  return loss::forward_kernel<float, Image>(k, each_in_parallel);
}

template <class Image>
Kernel gradient(KernelContext& k) {
  return loss::gradient_kernel<float, Image>(k, each_in_parallel);
}

Kernel initial_gradient(KernelContext& k) {
  const int count = k.op<InitialGradient>().batched ? k.batch : 1;
  const bool batched = k.op<InitialGradient>().batched;
  return [=](const Launch& l) {
    const int real = batched ? l.run.images : 1;
    float* y = l.out<float>(0);
    const float share = l.run.scale / static_cast<float>(real);
    std::fill(std::fill_n(y, real, share), y + count, 0.0f);
  };
}

}  // namespace

KernelPair initial_gradient_kernels() { return {initial_gradient}; }

KernelPair loss_kernels() {
  using Image = loss::Elements<float>;
  return {forward<Image>, gradient<Image>};
}

KernelPair yolo_loss_kernels() {
  using Image = loss::Yolo<float>;
  return {forward<Image>, gradient<Image>};
}

}  // namespace mpsnn::cpu
