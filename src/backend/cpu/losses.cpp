#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"
#include "backend/loss_kernels.hpp"
#include "ops/yolo.hpp"

namespace mpsnn::cpu {
namespace {

constexpr auto in_parallel = [](Dim n, Dim cost, const auto& f) {
  parallel_for(n, cost, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) f(static_cast<Dim>(i));
  });
};

template <class Image>
Kernel forward(KernelContext& k) {
  return loss::forward_kernel<float, Image>(k, in_parallel);
}

template <class Image>
Kernel gradient(KernelContext& k) {
  return loss::gradient_kernel<float, Image>(k, in_parallel);
}

Kernel initial_gradient(KernelContext& k) {
  const int count = k.op<InitialGradient>().batched ? k.batch : 1;
  const bool batched = k.op<InitialGradient>().batched;
  return [=](const Launch& l) {
    const int real = batched ? l.run.images : 1;
    float* y = l.out<float>(0);
    std::fill(std::fill_n(y, real, 1.0f / static_cast<float>(real)), y + count, 0.0f);
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
