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
      .attributes = [](const Op& op) { return str(" axis=", std::get<Concat>(op).axis); }};
  return s;
}

const OpSpec& Slice::spec() { return unwritten(); }
const OpSpec& Pad::spec() { return unwritten(); }
const OpSpec& Transpose::spec() { return unwritten(); }
const OpSpec& StopGradient::spec() { return unwritten(); }

}  // namespace mpsnn
