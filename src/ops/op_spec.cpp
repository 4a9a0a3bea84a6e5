#include "ops/op_spec.hpp"

namespace mpsnn {

const OpSpec& spec(const Op& op) {
  return std::visit([](const auto& o) -> const OpSpec& { return o.spec(); }, op);
}

std::string_view name(const Op& op) { return spec(op).name; }

std::vector<std::string> output_names(const Node& node) {
  const OpSpec& s = spec(node.op);
  const std::vector<std::string_view>& names = node.gradient_of ? s.gradients : s.outputs;
  const bool many = node.gradient_of && names.size() == 1 && names[0].ends_with('*');
  std::vector<std::string> out;
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    std::string name(names[many ? 0 : i]);
    if (many) name = str("x[", i, "]");
    if (name.ends_with('?')) name.pop_back();
    out.push_back(std::move(name));
  }
  return out;
}

void require(bool ok, const Op& op, std::string_view message) {
  if (!ok) throw ShapeError(str(name(op), ": ", message));
}

}  // namespace mpsnn
