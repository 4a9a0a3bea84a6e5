#include "ops/op_spec.hpp"

namespace mpsnn {

const OpSpec& spec(const Op& op) {
  return std::visit([](const auto& o) -> const OpSpec& { return o.spec(); }, op);
}

const OpSpec& unwritten() {
  static const OpSpec s{
      .name = "unwritten",
      .inputs = {"x*"},
      .outputs = {},
      .saved = {},
      .gradients = {},
      .infer = [](const Op&, std::span<const TensorDesc>) -> std::vector<TensorDesc> {
        throw UnsupportedError("not written yet");
      }};
  return s;
}

std::string_view name(const Op& op) { return spec(op).name; }

void require(bool ok, const Op& op, std::string_view message) {
  if (!ok) throw ShapeError(str(name(op), ": ", message));
}

}  // namespace mpsnn
