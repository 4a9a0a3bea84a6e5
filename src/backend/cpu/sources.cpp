#include <cstring>

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

template <class From, class To>
MPSNN_SIMD void scaled(const From* x, float scale, float offset, To* y, std::size_t begin,
                       std::size_t end) {
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) y[i] = static_cast<float>(x[i]) * scale + offset;
}

template <class To>
void read(const Launch& l, const Input& op, To* y, std::size_t begin, std::size_t end) {
  if (l.bound_dtype == DType::uint8)
    scaled(static_cast<const std::uint8_t*>(l.bound), op.scale, op.offset, y, begin, end);
  else if (l.bound_dtype == DType::int32)
    scaled(static_cast<const std::int32_t*>(l.bound), op.scale, op.offset, y, begin, end);
  else
    scaled(static_cast<const float*>(l.bound), op.scale, op.offset, y, begin, end);
}

/// The real images, scaled; the first again in place of the rest of the batch.
Kernel input(KernelContext& k) {
  const Input op = k.op<Input>();
  const std::size_t image = k.out(0).size(), all = k.out_elements(0);
  return with_float(k.out_type(0), [&]<class T>(T) -> Kernel {
    return [=](const Launch& l) {
      T* y = l.out<T>(0);
      const std::size_t n = image * l.run.images;
      parallel_for(n, 1, [&](std::size_t begin, std::size_t end) { read(l, op, y, begin, end); });
      for (std::size_t at = n; at < all; at += image) std::memcpy(y + at, y, image * sizeof(T));
    };
  });
}

/// Class indices become distributions. Images that are padding have no label and no weight.
Kernel labels(KernelContext& k) {
  const auto& op = k.op<Labels>();
  const std::size_t size = op.shape.size(), batch = k.batch;
  const std::size_t classes = op.shape.rank() ? op.shape[op.shape.rank() - 1] : 1;
  const std::size_t weights_of_image = op.element_weights ? size : 1;
  return [=](const Launch& l) {
    const std::size_t real = l.run.images * size;
    if (float* y = wanted<float>(l, 0)) {
      if (l.bound_dtype == DType::float32) {
        std::memcpy(y, l.bound, real * sizeof(float));
        std::fill(y + real, y + batch * size, 0.0f);
      } else {
        std::fill_n(y, batch * size, 0.0f);
        const auto* index = static_cast<const std::int32_t*>(l.bound);
        for (std::size_t row = 0; row < real; row += classes) y[row + index[row / classes]] = 1;
      }
    }
    if (float* weight = wanted<float>(l, 1)) {
      const std::size_t n = l.run.images * weights_of_image;
      if (const float* given = l.in<float>(0))
        std::copy_n(given, n, weight);
      else
        std::fill_n(weight, n, 1.0f);
      std::fill(weight + n, weight + batch * weights_of_image, 0.0f);
    }
  };
}

Kernel scalar(KernelContext&) {
  return [](const Launch& l) { *l.out<float>(0) = *static_cast<const float*>(l.bound); };
}

}  // namespace

KernelPair input_kernels() {
  return {input, nullptr, false, [](const Node&, DType) { return Reduced::follows; }};
}
KernelPair labels_kernels() { return {labels}; }
KernelPair scalar_kernels() { return {scalar}; }

}  // namespace mpsnn::cpu
