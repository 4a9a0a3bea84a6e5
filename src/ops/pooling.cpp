#include <limits>

#include "ops/window_checks.hpp"

namespace mpsnn {
namespace {

Dim positions(Size2 kernel) { return Dim{kernel.h} * kernel.w; }

/// The checks of both pools; returns the shape of y.
template <class Pool>
Shape pooled(const Op& op, std::span<const TensorDesc> in) {
  const auto& pool = std::get<Pool>(op);
  const Size2 kernel = pool.kernel, stride = pool.stride;
  const Padding& p = pool.padding;
  require_size(op, "kernel", kernel);
  require(positions(kernel) < std::numeric_limits<std::int32_t>::max(), op,
          str("kernel must have less than 2^31 - 1 positions, got ", kernel));
  require_size(op, "stride", stride);
  require_padding(op, p);
  // Otherwise a window may lie wholly outside the image, and has no value.
  if (p.mode == Padding::Mode::fixed)
    require(p.top < kernel.h && p.bottom < kernel.h && p.left < kernel.w && p.right < kernel.w, op,
            str("padding must be smaller than the kernel ", kernel, " on each side, got ", p));
  const Shape& x = image(op, "x", in[0]);
  const Window2 window(x, kernel, stride, {}, p);
  require(window.h.out > 0 && window.w.out > 0, op,
          str("kernel ", kernel, " does not fit in the padded x ", x));
  return {window.h.out, window.w.out, x[2]};
}

std::vector<TensorDesc> infer_max(const Op& op, std::span<const TensorDesc> in) {
  const Shape y = pooled<MaxPool2d>(op, in);
  // One value more than there are positions: the outside.
  const bool small = positions(std::get<MaxPool2d>(op).kernel) < 255;
  return {{y}, {y, small ? DType::uint8 : DType::int32}};
}

std::vector<TensorDesc> infer_average(const Op& op, std::span<const TensorDesc> in) {
  return {{pooled<AvgPool2d>(op, in)}};
}

template <class Pool>
std::string attributes(const Op& op) {
  const auto& pool = std::get<Pool>(op);
  return str(" kernel=", pool.kernel, " stride=", pool.stride, " padding=", pool.padding,
             pool.edge == Edge::zero ? " edge=zero" : "");
}

}  // namespace

const OpSpec& MaxPool2d::spec() {
  static const OpSpec s{.name = "max_pool2d",
                        .inputs = {"x"},
                        .outputs = {"y", "argmax"},
                        .saved = {"argmax"},
                        .gradients = {"x"},
                        .infer = infer_max,
                        .attributes = attributes<MaxPool2d>};
  return s;
}

const OpSpec& AvgPool2d::spec() {
  static const OpSpec s{.name = "avg_pool2d",
                        .inputs = {"x"},
                        .outputs = {"y"},
                        .saved = {},
                        .gradients = {"x"},
                        .infer = infer_average,
                        .attributes = attributes<AvgPool2d>};
  return s;
}

const OpSpec& L2Pool2d::spec() { return unwritten(); }

}  // namespace mpsnn
