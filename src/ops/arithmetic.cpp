#include <cmath>

#include "ops/arithmetic_terms.hpp"
#include "ops/checks.hpp"

namespace mpsnn {
namespace {

std::vector<TensorDesc> infer_add(const Op& op, std::span<const TensorDesc> in) {
  const Shape &a = floating(op, "a", in[0]), &b = floating(op, "b", in[1]);
  require(a == b, op, str("b must be ", a, " as a, got ", b));
  require(in[0].batched == in[1].batched, op,
          str("a ", a, " and b ", b, " must both have a batch axis or neither, got only ",
              in[0].batched ? "a" : "b", " with one"));
  return {in[0]};
}

void check_attributes(const Op& op) {
  const auto& o = std::get<Arithmetic>(op);
  for (const auto& [name, value] : {std::pair{"primary_scale", o.primary_scale},
                                    {"secondary_scale", o.secondary_scale},
                                    {"bias", o.bias}})
    require(std::isfinite(value), op, str(name, " must be finite, got ", value));
  require(o.low <= o.high, op, str("low must be at most high, got ", o.low, " and ", o.high));
  const Arithmetic usual;
  const bool plain = o.primary_scale == usual.primary_scale &&
                     o.secondary_scale == usual.secondary_scale && o.bias == usual.bias &&
                     o.low == usual.low && o.high == usual.high;
  require(plain || !arithmetic::compares(o.kind), op,
          "a comparison takes no scale, bias, low or high");
}

std::vector<TensorDesc> infer(const Op& op, std::span<const TensorDesc> in) {
  check_attributes(op);
  const Shape &a = floating(op, "a", in[0]), &b = floating(op, "b", in[1]);
  const int rank = std::max(a.rank(), b.rank());
  std::vector<Dim> dims(rank);
  for (int i = 1; i <= rank; ++i) {
    const Dim m = i <= a.rank() ? a[a.rank() - i] : 1, n = i <= b.rank() ? b[b.rank() - i] : 1;
    require(m == n || m == 1 || n == 1, op,
            str("axes of a ", a, " and b ", b, ", from the last on, must be equal or 1, got ", m,
                " and ", n));
    dims[rank - i] = std::max(m, n);
  }
  return {{Shape(dims), DType::float32, in[0].batched || in[1].batched}};
}

std::string attributes(const Op& op) {
  const auto& o = std::get<Arithmetic>(op);
  const Arithmetic usual;
  std::string out;
  const auto add = [&out](std::string_view name, float value, float by_default) {
    if (value != by_default) out += str(' ', name, '=', value);
  };
  add("primary_scale", o.primary_scale, usual.primary_scale);
  add("secondary_scale", o.secondary_scale, usual.secondary_scale);
  add("bias", o.bias, usual.bias);
  add("low", o.low, usual.low);
  add("high", o.high, usual.high);
  return out;
}

OpSpec spec_of(std::string_view name, std::vector<std::string_view> saved,
               std::vector<std::string_view> gradients) {
  return {.name = name,
          .inputs = {"a", "b"},
          .outputs = {"y"},
          .saved = std::move(saved),
          .gradients = std::move(gradients),
          .infer = infer,
          .attributes = attributes,
          .in_place = {0, 1}};
}

constexpr std::string_view kind_names[Arithmetic::kinds] = {
    "add",   "subtract",  "multiply", "divide",     "minimum", "maximum",
    "equal", "not_equal", "less",     "less_equal", "greater", "greater_equal"};

std::vector<OpSpec> specs_of(const std::vector<std::string_view>& saved) {
  std::vector<OpSpec> out;
  for (int i = 0; i < Arithmetic::kinds; ++i) {
    const bool smooth = !arithmetic::compares(static_cast<Arithmetic::Kind>(i));
    out.push_back(smooth ? spec_of(kind_names[i], saved, {"a", "b"})
                         : spec_of(kind_names[i], {}, {}));
  }
  return out;
}

}  // namespace

const OpSpec& Add::spec() {
  static const OpSpec s{
      .name = "add",
      .inputs = {"a", "b"},
      .outputs = {"y"},
      .saved = {},
      .gradients = {"a", "b"},
      .infer = infer_add,
      .attributes = [](const Op& op) { return print(std::get<Add>(op).activation); },
      .in_place = {0, 1},
      .passes_gradient = true};
  return s;
}

const OpSpec& Arithmetic::spec() const {
  static const std::vector<OpSpec> of_both = specs_of({"a", "b"}), of_none = specs_of({});
  const bool clamped = std::isfinite(low) || std::isfinite(high);
  const bool constant = kind == Kind::add || kind == Kind::subtract;
  return (constant && !clamped ? of_none : of_both)[static_cast<int>(kind)];
}

}  // namespace mpsnn
