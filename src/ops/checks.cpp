#include "ops/checks.hpp"

#include <cmath>

namespace mpsnn {

const Shape& floating(const Op& op, std::string_view argument, const TensorDesc& input) {
  require(input.dtype == DType::float32, op,
          str(argument, ' ', input.shape, " must be float32, got ", input.dtype));
  return input.shape;
}

const Shape& batched(const Op& op, std::string_view argument, const TensorDesc& input) {
  require(input.batched, op,
          str(argument, ' ', input.shape, " must have a batch axis, got one without"));
  return floating(op, argument, input);
}

const Shape& unbatched(const Op& op, std::string_view argument, const TensorDesc& input) {
  require(!input.batched, op,
          str(argument, ' ', input.shape, " must have no batch axis, got one per image"));
  return floating(op, argument, input);
}

void require_like(const Op& op, std::string_view argument, const TensorDesc& input,
                  const Shape& want, std::string_view of) {
  const Shape& shape = unbatched(op, argument, input);
  require(shape == want, op, str(argument, " must be ", want, " for ", of, ", got ", shape));
}

std::string print(const Activation& activation) {
  if (!activation) return "";
  const OpSpec& s = activation->spec();
  return str(" activation=", s.name, s.attributes ? s.attributes(*activation) : "");
}

void check_like_first(const Op& op, std::span<const TensorDesc> in) {
  const std::vector<std::string_view>& names = spec(op).inputs;
  const Shape& first = unbatched(op, names[0], in[0]);
  for (std::size_t i = 1; i < in.size(); ++i)
    require_like(op, names[i], in[i], first, str(names[0], ' ', first));
}

void require_fraction(const Op& op, std::string_view argument, float value) {
  require(value >= 0 && value < 1, op, str(argument, " must be in [0, 1), got ", value));
}

void require_positive(const Op& op, std::string_view argument, float value) {
  require(value > 0 && std::isfinite(value), op,
          str(argument, " must be positive and finite, got ", value));
}

}  // namespace mpsnn
