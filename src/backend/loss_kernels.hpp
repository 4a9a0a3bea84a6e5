#pragma once

#include "backend/kernel_backend.hpp"
#include "ops/image_loss.hpp"

/// The kernels of any loss of `ops/image_loss.hpp`, image by image. `each(n, cost, f)` calls
/// f(i) for i in 0 to n; one call costs `cost` elements.
namespace mpsnn::loss {

/// x, labels and weights of a node are the inputs from `x` on.
template <class T, class Op>
Weighting<T> weighting(const KernelContext& k, const Op& op, int x, Dim parts) {
  const bool given = k.has_in(x + 2), each = given && k.in(x + 2).rank() > 0;
  const Dim size = k.in(x).size();
  return {op.reduction, op.weight, size, parts, each ? size : Dim{given}, each};
}

// in: x, labels, weights.  out: loss
template <class T, class Image, class Each>
Kernel forward_kernel(KernelContext& k, Each each) {
  const auto& op = k.op<typename Image::Op>();
  const Image image(op, k.in(0));
  const Weighting<T> by = weighting<T>(k, op, 0, image.parts());
  const Dim results = by.reduction == Reduction::none ? by.elements : 1;
  k.scratch_bytes = image.scratch_bytes() * k.batch;
  return [=, N = k.batch](const Launch& l) {
    each(N, by.elements * 16, [&](Dim n) {
      forward(image, by, l.in<T>(0) + n * by.elements, l.in<T>(1) + n * by.elements,
              by.weights ? l.in<T>(2) + n * by.weights : nullptr,
              static_cast<char*>(l.scratch) + n * image.scratch_bytes(), l.out<T>(0) + n * results);
    });
  };
}

// in: dy, x, labels, weights.  out: dx, dlabels
template <class T, class Image, class Each>
Kernel gradient_kernel(KernelContext& k, Each each) {
  const auto& op = k.op<typename Image::Op>();
  const Image image(op, k.in(1));
  const Weighting<T> by = weighting<T>(k, op, 1, image.parts());
  const Dim results = by.reduction == Reduction::none ? by.elements : 1;
  k.scratch_bytes = image.scratch_bytes() * k.batch;
  const bool by_x = k.has_out(0), by_labels = k.has_out(1);
  return [=, N = k.batch](const Launch& l) {
    each(N, by.elements * 16, [&](Dim n) {
      const Dim at = n * by.elements;
      gradient(image, by, l.in<T>(0) + n * results, l.in<T>(1) + at, l.in<T>(2) + at,
               by.weights ? l.in<T>(3) + n * by.weights : nullptr,
               static_cast<char*>(l.scratch) + n * image.scratch_bytes(),
               by_x ? l.out<T>(0) + at : nullptr, by_labels ? l.out<T>(1) + at : nullptr);
    });
  };
}

}  // namespace mpsnn::loss
