#include <cmath>
#include <vector>

#include "ops/checks.hpp"
#include "ops/neuron_terms.hpp"

namespace mpsnn {
namespace {

struct KindName {
  std::string_view name;
  int parameters;  ///< a; a and b; a, b and c.
};

constexpr KindName kind_names[Neuron::kinds] = {
    {"linear", 2},       {"relu", 1}, {"relu_n", 2}, {"sigmoid", 0},
    {"hard_sigmoid", 2}, {"tanh", 2}, {"abs", 0},    {"softplus", 2},
    {"softsign", 0},     {"elu", 1},  {"power", 3},  {"exponential", 3},
    {"logarithm", 3},    {"gelu", 0}, {"silu", 0},   {"clamp", 2},
};

const KindName& named(Neuron::Kind kind) { return kind_names[static_cast<int>(kind)]; }

std::vector<TensorDesc> infer_neuron(const Op& op, std::span<const TensorDesc> in) {
  const auto& n = std::get<Neuron>(op);
  for (const auto& [name, value] : {std::pair{"a", n.a}, {"b", n.b}, {"c", n.c}})
    require(std::isfinite(value), op, str(name, " must be finite, got ", value));
  if (n.kind == Neuron::Kind::relu_n) require_positive(op, "b", n.b);
  if (n.kind == Neuron::Kind::clamp)
    require(n.a <= n.b, op, str("a must be at most b, got ", n.a, " and ", n.b));
  if (n.kind == Neuron::Kind::exponential || n.kind == Neuron::Kind::logarithm) {
    require(n.c == -1 || n.c > 0, op, str("c must be positive, or -1 for e, got ", n.c));
    require(n.c != 1, op, "c must not be 1");
  }
  floating(op, "x", in[0]);
  return {in[0]};
}

std::string neuron_attributes(const Op& op) {
  const auto& n = std::get<Neuron>(op);
  if (n == Neuron{}) return "";
  const float values[] = {n.a, n.b, n.c};
  std::string out;
  for (int i = 0; i < named(n.kind).parameters; ++i)
    out += str(' ', std::string_view("abc").substr(i, 1), '=', values[i]);
  return out;
}

/// Of a kind whose gradient reads `saved`. Elements of results may overwrite those of inputs.
OpSpec neuron_spec(std::string_view name, std::vector<std::string_view> saved) {
  return {.name = name,
          .inputs = {"x"},
          .outputs = {"y"},
          .saved = std::move(saved),
          .gradients = {"x"},
          .infer = infer_neuron,
          .attributes = neuron_attributes,
          .in_place = {0},
          .gradient_in_place = {0}};
}

/// Of every kind, for gradients that read one thing.
std::vector<OpSpec> neuron_specs(const std::vector<std::string_view>& saved) {
  std::vector<OpSpec> out;
  for (const KindName& kind : kind_names) out.push_back(neuron_spec(kind.name, saved));
  return out;
}

std::vector<TensorDesc> infer_prelu(const Op& op, std::span<const TensorDesc> in) {
  const Shape& x = floating(op, "x", in[0]);
  require(x.rank() >= 1, op, str("x must have at least 1 axis, got ", x));
  require_like(op, "slope", in[1], {x[x.rank() - 1]}, str("x ", x));
  return {in[0]};
}

}  // namespace

const OpSpec& Neuron::spec() const {
  static const std::vector<OpSpec> of_x = neuron_specs({"x"}), of_y = neuron_specs({"y"});
  static const OpSpec linear = neuron_spec("linear", {});
  if (kind == Kind::linear) return linear;
  return (neuron::saves_result(*this) ? of_y : of_x)[static_cast<int>(kind)];
}

const OpSpec& PRelu::spec() {
  static const OpSpec s{.name = "prelu",
                        .inputs = {"x", "slope"},
                        .outputs = {"y"},
                        .saved = {"x", "slope"},
                        .gradients = {"x", "slope"},
                        .infer = infer_prelu};
  return s;
}

}  // namespace mpsnn
