#include "ops/op_spec.hpp"

namespace mpsnn {
namespace {

void list(std::ostringstream& out, std::span<const ValueId> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    out << (i ? ", " : "");
    if (values[i])
      out << '%' << values[i].index;
    else
      out << '_';
  }
}

}  // namespace

std::string Graph::print(const Node& node) const {
  const OpSpec& s = spec(node.op);
  std::ostringstream out;
  if (!node.outputs.empty()) {
    list(out, node.outputs);
    out << " = ";
  }
  out << s.name << (node.gradient_of ? "_gradient(" : "(");
  list(out, node.inputs);
  out << ')';
  if (s.attributes) out << s.attributes(node.op);
  if (!node.label.empty()) out << " '" << node.label << '\'';
  const char* separator = "  # ";
  for (ValueId v : node.outputs) {
    if (!v) continue;
    const TensorDesc& d = desc(v);
    out << separator << d.shape << ' ' << d.dtype << (d.batched ? "" : " unbatched");
    if (const Part* p = part(v)) out << " in %" << p->whole.index << '[' << p->first << ":]";
    separator = ", ";
  }
  return out.str();
}

std::string Graph::print() const {
  std::string out;
  for (const Node& node : nodes_) out += print(node) + '\n';
  return out;
}

}  // namespace mpsnn
