#include <algorithm>
#include <cmath>

#include "ops/checks.hpp"

namespace mpsnn {
namespace {

std::vector<TensorDesc> infer_reshape(const Op& op, std::span<const TensorDesc> in) {
  const Shape &x = floating(op, "x", in[0]), &shape = std::get<Reshape>(op).shape;
  require(
      x.size() == shape.size(), op,
      str("shape ", shape, " must have ", x.size(), " elements as x ", x, ", got ", shape.size()));
  return {{shape, DType::float32, in[0].batched}};
}

/// Whether the shapes are equal on every axis but `axis`.
bool joins(const Shape& a, const Shape& b, int axis) {
  if (a.rank() != b.rank()) return false;
  for (int i = 0; i < a.rank(); ++i) {
    if (i != axis && a[i] != b[i]) return false;
  }
  return true;
}

std::vector<TensorDesc> infer_concat(const Op& op, std::span<const TensorDesc> in) {
  require(!in.empty(), op, "takes at least 1 input, got 0");
  const Shape& first = floating(op, "x[0]", in[0]);
  const int rank = first.rank(), axis = std::get<Concat>(op).axis;
  require(axis >= -rank && axis < rank, op,
          str("axis must be in [", -rank, ", ", rank, ") for x[0] ", first, ", got ", axis));
  const int at = axis < 0 ? axis + rank : axis;

  Dim extent = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const Shape& x = floating(op, str("x[", i, "]"), in[i]);
    require(joins(x, first, at), op,
            str("x[", i, "] must be as x[0] ", first, " except on axis ", at, ", got ", x));
    require(in[i].batched == in[0].batched, op,
            str("x[", i, "] ", x, " must have ", in[0].batched ? "a" : "no", " batch axis as x[0] ",
                first));
    extent += x[at];
  }
  std::vector<Dim> dims(first.dims().begin(), first.dims().end());
  dims[at] = extent;
  return {{Shape(dims), DType::float32, in[0].batched}};
}

std::string text(const PerAxis& values) {
  std::string out = "(";
  for (std::size_t i = 0; i < values.size(); ++i) out += str(i ? ", " : "", values[i]);
  return out + ")";
}

std::vector<TensorDesc> infer_slice(const Op& op, std::span<const TensorDesc> in) {
  const auto& s = std::get<Slice>(op);
  const Shape& x = floating(op, "x", in[0]);
  std::vector<Dim> dims;
  for (int i = 0; i < x.rank(); ++i) {
    const Dim start = s.start[i], stop = s.stop[i], step = s.step[i];
    const std::string at = str(" on axis ", i, " of x ", x, ", got ");
    require(step >= 1, op, str("step must be at least 1", at, step));
    require(start >= 0 && start < x[i], op, str("start must be 0 to ", x[i] - 1, at, start));
    require(stop > start && stop <= x[i], op,
            str("stop must be ", start + 1, " to ", x[i], at, stop));
    dims.push_back((stop - start + step - 1) / step);
  }
  return {{Shape(dims), DType::float32, in[0].batched}};
}

/// The most elements that the mode has for one side of an axis. The limit of the others
/// keeps sums of extents from overflowing.
Dim most(Pad::Mode mode, Dim extent) {
  constexpr Dim limit = 1 << 20;
  if (mode == Pad::Mode::mirror) return std::min(limit, extent - 1);
  if (mode == Pad::Mode::mirror_with_edge) return std::min(limit, extent);
  return limit;
}

std::vector<TensorDesc> infer_pad(const Op& op, std::span<const TensorDesc> in) {
  const auto& p = std::get<Pad>(op);
  const Shape& x = floating(op, "x", in[0]);
  require(std::isfinite(p.value), op, str("value must be finite, got ", p.value));
  std::vector<Dim> dims;
  for (int i = 0; i < x.rank(); ++i) {
    const Dim limit = most(p.mode, x[i]);
    const auto check = [&](std::string_view side, Dim n) {
      require(n >= 0 && n <= limit, op,
              str(side, " must be 0 to ", limit, " on axis ", i, " of x ", x, ", got ", n));
    };
    check("before", p.before[i]);
    check("after", p.after[i]);
    dims.push_back(p.before[i] + x[i] + p.after[i]);
  }
  return {{Shape(dims), DType::float32, in[0].batched}};
}

std::string pad_attributes(const Op& op) {
  constexpr std::string_view modes[] = {"constant", "clamp", "mirror", "mirror_with_edge"};
  const auto& p = std::get<Pad>(op);
  return str(" before=", text(p.before), " after=", text(p.after),
             " mode=", modes[static_cast<int>(p.mode)],
             p.mode == Pad::Mode::constant ? str(" value=", p.value) : "");
}

std::vector<TensorDesc> infer_transpose(const Op& op, std::span<const TensorDesc> in) {
  const auto& order = std::get<Transpose>(op).order;
  const Shape& x = floating(op, "x", in[0]);
  std::vector<Dim> dims;
  for (int i = 0; i < x.rank(); ++i) {
    require(std::count(order.begin(), order.begin() + x.rank(), i) == 1, op,
            str("order must name each of the ", x.rank(), " axes of x ", x, " once, got ",
                text(order)));
    dims.push_back(x[order[i]]);
  }
  return {{Shape(dims), DType::float32, in[0].batched}};
}

std::vector<TensorDesc> infer_stop_gradient(const Op& op, std::span<const TensorDesc> in) {
  floating(op, "x", in[0]);
  return {in[0]};
}

/// Concat, with the extents of the inputs, of which the gradient may not see all.
Op with_extents(const Op& op, std::span<const TensorDesc> in) {
  Concat concat{std::get<Concat>(op).axis};
  const int axis = concat.axis < 0 ? concat.axis + in[0].shape.rank() : concat.axis;
  for (const TensorDesc& d : in) concat.extents.push_back(d.shape[axis]);
  return concat;
}

}  // namespace

const OpSpec& Reshape::spec() {
  static const OpSpec s{
      .name = "reshape",
      .inputs = {"x"},
      .outputs = {"y"},
      .saved = {},
      .gradients = {"x"},
      .infer = infer_reshape,
      .attributes = [](const Op& op) { return str(" shape=", std::get<Reshape>(op).shape); },
      .in_place = {0},
      .view = true,
      .passes_gradient = true};
  return s;
}

const OpSpec& Concat::spec() {
  static const OpSpec s{
      .name = "concat",
      .inputs = {"x*"},
      .outputs = {"y"},
      .saved = {},
      .gradients = {"x*"},
      .infer = infer_concat,
      .attributes = [](const Op& op) { return str(" axis=", std::get<Concat>(op).axis); },
      .gradient_op = with_extents};
  return s;
}

const OpSpec& Slice::spec() {
  static const OpSpec s{.name = "slice",
                        .inputs = {"x"},
                        .outputs = {"y"},
                        .saved = {},
                        .gradients = {"x"},
                        .infer = infer_slice,
                        .attributes = [](const Op& op) {
                          const auto& s = std::get<Slice>(op);
                          return str(" start=", text(s.start), " stop=", text(s.stop),
                                     " step=", text(s.step));
                        }};
  return s;
}

const OpSpec& Pad::spec() {
  static const OpSpec s{.name = "pad",
                        .inputs = {"x"},
                        .outputs = {"y"},
                        .saved = {},
                        .gradients = {"x"},
                        .infer = infer_pad,
                        .attributes = pad_attributes};
  return s;
}

const OpSpec& Transpose::spec() {
  static const OpSpec s{.name = "transpose",
                        .inputs = {"x"},
                        .outputs = {"y"},
                        .saved = {},
                        .gradients = {"x"},
                        .infer = infer_transpose,
                        .attributes = [](const Op& op) {
                          return str(" order=", text(std::get<Transpose>(op).order));
                        }};
  return s;
}

const OpSpec& StopGradient::spec() {
  static const OpSpec s{.name = "stop_gradient",
                        .inputs = {"x"},
                        .outputs = {"y"},
                        .saved = {},
                        .gradients = {},
                        .infer = infer_stop_gradient,
                        .in_place = {0},
                        .view = true};
  return s;
}

const OpSpec& Cast::spec() {
  static const OpSpec s{
      .name = "cast",
      .inputs = {"x"},
      .outputs = {"y"},
      .infer = [](const Op& op, std::span<const TensorDesc> in) -> std::vector<TensorDesc> {
        return {{in[0].shape, std::get<Cast>(op).dtype, in[0].batched}};
      },
      .attributes = [](const Op& op) { return str(" dtype=", std::get<Cast>(op).dtype); }};
  return s;
}

}  // namespace mpsnn
