#include "backend/reference/kernels.hpp"

namespace mpsnn::reference {
namespace {

/// Element i of an array that the caller bound.
double read(const void* data, DType dtype, Dim i) {
  switch (dtype) {
    case DType::uint8:
      return static_cast<const std::uint8_t*>(data)[i];
    case DType::int32:
      return static_cast<const std::int32_t*>(data)[i];
    case DType::float32:
      return static_cast<const float*>(data)[i];
    case DType::float64:
      return static_cast<const double*>(data)[i];
    default:
      throw Error(str("cannot bind ", dtype));
  }
}

/// `bound` has run.images images; the padding images repeat the first, so that no op meets
/// a value there that it does not meet in a real image.
Kernel input(KernelContext& k) {
  const auto& op = k.op<Input>();
  return [scale = double{op.scale}, offset = double{op.offset}, size = k.out(0).size(),
          N = k.batch](const Launch& l) {
    auto* y = l.out<double>(0);
    const Dim real = l.run.images * size;
    for (Dim i = 0; i < real; ++i) y[i] = read(l.bound, l.bound_dtype, i) * scale + offset;
    for (Dim i = real; i < N * size; ++i) y[i] = y[i % size];
  };
}

/// The labels of the real images: as bound, or 1 at each bound class, which
/// Executable::submit has found to be in range.
void label(const Launch& l, Dim size, Dim classes, double* labels) {
  for (Dim i = 0; i < l.run.images * size; ++i) {
    if (l.bound_dtype != DType::int32)
      labels[i] = read(l.bound, l.bound_dtype, i);
    else if (read(l.bound, l.bound_dtype, i / classes) == static_cast<double>(i % classes))
      labels[i] = 1;
  }
}

/// `bound` is the labels of run.images images. A Launch has one bound array, so the weights
/// come as input 0, which the node itself does not have, or null for all 1.
/// Padding images get labels and weight 0.
Kernel labels(KernelContext& k) {
  const auto& op = k.op<Labels>();
  const Dim size = op.shape.size(), classes = op.shape.rank() ? op.shape[op.shape.rank() - 1] : 1;
  const Dim weights_of_image = op.element_weights ? size : 1;
  return [=, N = k.batch](const Launch& l) {
    double *y = wanted(l, 0), *weights = wanted(l, 1);
    const float* bound_weights = l.inputs.empty() ? nullptr : l.in<float>(0);
    clear(y, N * size);
    clear(weights, N * weights_of_image);
    if (y) label(l, size, classes, y);
    for (Dim i = 0; weights && i < l.run.images * weights_of_image; ++i)
      weights[i] = bound_weights ? bound_weights[i] : 1.0;
  };
}

Kernel scalar(KernelContext&) {
  return [](const Launch& l) { *l.out<double>(0) = read(l.bound, l.bound_dtype, 0); };
}

}  // namespace

KernelPair input_kernels() { return {input}; }

KernelPair labels_kernels() { return {labels}; }

KernelPair scalar_kernels() { return {scalar}; }

}  // namespace mpsnn::reference
