#include "ops/checks.hpp"
#include "ops/philox.hpp"

namespace mpsnn {
namespace {

std::vector<TensorDesc> infer(const Op& op, std::span<const TensorDesc> in) {
  const auto& dropout = std::get<Dropout>(op);
  require_fraction(op, "rate", dropout.rate);
  const Shape& x = floating(op, "x", in[0]);
  for (int i = 0; i < Shape::max_rank; ++i)
    require(dropout.strides[i] == 0 || dropout.strides[i] == 1, op,
            str("mask_strides must be 0 or 1, got ", dropout.strides[i]));
  return {in[0], {mask_shape(dropout, x), DType::uint8, in[0].batched}};
}

std::string attributes(const Op& op) {
  const auto& dropout = std::get<Dropout>(op);
  std::string out = str(" rate=", dropout.rate, " key=", dropout.key);
  if (dropout.strides == Dropout{}.strides) return out;
  out += " mask_strides=(";
  for (int i = 0; i < Shape::max_rank; ++i) out += str(i ? ", " : "", dropout.strides[i]);
  return out + ')';
}

}  // namespace

Shape mask_shape(const Dropout& op, const Shape& x) {
  std::vector<Dim> dims(x.dims().begin(), x.dims().end());
  for (int i = 0; i < x.rank(); ++i) {
    if (op.strides[Shape::max_rank - x.rank() + i] == 0) dims[i] = 1;
  }
  return Shape(dims);
}

const OpSpec& Dropout::spec() {
  static const OpSpec s{.name = "dropout",
                        .inputs = {"x"},
                        .outputs = {"y", "mask"},
                        .saved = {"mask"},
                        .gradients = {"x"},
                        .infer = infer,
                        .attributes = attributes,
                        .in_place = {0},
                        .gradient_in_place = {0}};
  return s;
}

}  // namespace mpsnn
