#include <limits>

#include "ops/checks.hpp"

namespace mpsnn {
namespace {

std::string text(std::uint8_t axes) {
  std::string out;
  for (int i = 0; i < 8; ++i) {
    if (axes >> i & 1) out += str(out.empty() ? "" : ", ", i);
  }
  return '(' + out + (axes & (axes - 1) ? ")" : ",)");
}

std::string reduce_attributes(const Op& op) {
  const auto& r = std::get<Reduce>(op);
  return str(" axes=", text(r.axes), r.keep_axes ? " keep_axes" : "");
}

/// The shape of y. The positions of all that one value is made of fit an int32.
Shape reduced(const Op& op, std::span<const TensorDesc> in) {
  const auto& r = std::get<Reduce>(op);
  const Shape& x = floating(op, "x", in[0]);
  require(r.axes != 0, op, str("axes of x ", x, " must be at least one, got none"));
  require(r.axes >> x.rank() == 0, op,
          str("axes must be 0 to ", x.rank() - 1, " for x ", x, ", got ", text(r.axes)));
  std::vector<Dim> dims;
  Dim count = 1;
  for (int i = 0; i < x.rank(); ++i) {
    const bool gone = r.axes >> i & 1;
    if (gone) count *= x[i];
    if (!gone || r.keep_axes) dims.push_back(gone ? 1 : x[i]);
  }
  require(
      count <= std::numeric_limits<std::int32_t>::max(), op,
      str("axes ", text(r.axes), " of x ", x, " must have less than 2^31 elements, got ", count));
  return Shape(dims);
}

std::vector<TensorDesc> infer_reduce(const Op& op, std::span<const TensorDesc> in) {
  return {{reduced(op, in), DType::float32, in[0].batched}};
}

std::vector<TensorDesc> infer_extreme(const Op& op, std::span<const TensorDesc> in) {
  const Shape y = reduced(op, in);
  return {{y, DType::float32, in[0].batched}, {y, DType::int32, in[0].batched}};
}

std::vector<TensorDesc> infer_position(const Op& op, std::span<const TensorDesc> in) {
  return {{reduced(op, in), DType::int32, in[0].batched}};
}

OpSpec total(std::string_view name) {
  return {.name = name,
          .inputs = {"x"},
          .outputs = {"y"},
          .saved = {},
          .gradients = {"x"},
          .infer = infer_reduce,
          .attributes = reduce_attributes};
}

OpSpec extreme(std::string_view name) {
  OpSpec s = total(name);
  s.outputs = {"y", "position"};
  s.saved = {"position"};
  s.infer = infer_extreme;
  return s;
}

OpSpec position(std::string_view name) {
  OpSpec s = total(name);
  s.gradients = {};
  s.infer = infer_position;
  return s;
}

std::vector<TensorDesc> infer_batch(const Op& op, std::span<const TensorDesc> in) {
  floating(op, "x", in[0]);
  return {{batched(op, "x", in[0]), DType::float32, false}};
}

OpSpec of_batch(std::string_view name) {
  return {.name = name,
          .inputs = {"x"},
          .outputs = {"y"},
          .saved = {},
          .gradients = {"x"},
          .infer = infer_batch};
}

}  // namespace

const OpSpec& Reduce::spec() const {
  static const OpSpec specs[kinds] = {extreme("min"), extreme("max"),     total("sum"),
                                      total("mean"),  position("argmin"), position("argmax")};
  return specs[static_cast<int>(kind)];
}

const OpSpec& BatchReduce::spec() const {
  static const OpSpec specs[kinds] = {of_batch("batch_sum"), of_batch("batch_mean")};
  return specs[static_cast<int>(kind)];
}

}  // namespace mpsnn
