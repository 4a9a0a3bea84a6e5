#include "ops/window_checks.hpp"

namespace mpsnn {
namespace {

constexpr int limit = 1 << 20;

}  // namespace

void require_size(const Op& op, std::string_view argument, Size2 value) {
  const auto ok = [](int v) { return v >= 1 && v <= limit; };
  require(ok(value.h) && ok(value.w), op,
          str(argument, " must be 1 to ", limit, " on both axes, got ", value));
}

void require_padding(const Op& op, const Padding& padding) {
  if (padding.mode != Padding::Mode::fixed) return;
  for (int v : {padding.top, padding.bottom, padding.left, padding.right})
    require(v >= 0 && v <= limit, op,
            str("padding must be 0 to ", limit, " on every side, got ", padding));
}

const Shape& image(const Op& op, std::string_view argument, const TensorDesc& input) {
  const Shape& x = batched(op, argument, input);
  require(x.rank() == 3, op, str(argument, " must be an image (H, W, C), got ", x));
  return x;
}

std::ostream& operator<<(std::ostream& out, Size2 size) {
  return out << '(' << size.h << ", " << size.w << ')';
}

std::ostream& operator<<(std::ostream& out, const Padding& p) {
  if (p.mode == Padding::Mode::same) return out << "same";
  if (p.mode == Padding::Mode::valid) return out << "valid";
  return out << '(' << p.top << ", " << p.bottom << ", " << p.left << ", " << p.right << ')';
}

}  // namespace mpsnn
