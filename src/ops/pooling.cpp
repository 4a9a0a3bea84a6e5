#include <limits>

#include "ops/window_checks.hpp"

namespace mpsnn {
namespace {

Dim positions(Size2 kernel) { return Dim{kernel.h} * kernel.w; }

/// Whether every window of one axis has a position inside of it.
bool sees_all(const Window& window, Dim in, Dim kernel, Dim stride, Dim dilation) {
  for (Dim o = 0; dilation > 1 && o < window.out; ++o) {
    const Dim at = o * stride - window.before;
    const Dim first = at < 0 ? (-at + dilation - 1) / dilation : 0;
    if (first >= kernel || at + first * dilation >= in) return false;
  }
  return true;
}

/// The checks of all pools; returns the shape of y.
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
  Size2 dilation{};
  if constexpr (requires { pool.dilation; }) dilation = pool.dilation;
  require_size(op, "dilation", dilation);
  const Window2 window(x, kernel, stride, dilation, p);
  require(window.h.out > 0 && window.w.out > 0, op,
          str("kernel ", kernel, " does not fit in the padded x ", x));
  require(sees_all(window.h, x[0], kernel.h, stride.h, dilation.h) &&
              sees_all(window.w, x[1], kernel.w, stride.w, dilation.w),
          op,
          str("kernel ", kernel, " with dilation ", dilation, " misses all pixels of x ", x,
              " somewhere"));
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

std::vector<TensorDesc> infer_square(const Op& op, std::span<const TensorDesc> in) {
  return {{pooled<L2Pool2d>(op, in)}};
}

template <class Pool>
std::string attributes(const Op& op) {
  const auto& pool = std::get<Pool>(op);
  std::string out =
      str(" kernel=", pool.kernel, " stride=", pool.stride, " padding=", pool.padding);
  if constexpr (requires { pool.dilation; })
    if (pool.dilation != Size2{}) out += str(" dilation=", pool.dilation);
  if constexpr (requires { pool.edge; })
    if (pool.edge == Edge::zero) out += " edge=zero";
  return out;
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

const OpSpec& L2Pool2d::spec() {
  static const OpSpec s{.name = "l2_pool2d",
                        .inputs = {"x"},
                        .outputs = {"y"},
                        .saved = {"x", "y"},
                        .gradients = {"x"},
                        .infer = infer_square,
                        .attributes = attributes<L2Pool2d>};
  return s;
}

}  // namespace mpsnn
