#include "ops/recurrent.hpp"

#include <cmath>

#include "ops/checks.hpp"
#include "ops/neuron_terms.hpp"

namespace mpsnn {
namespace {

using recurrent::Layout;

/// The neurons of the gates, by name; and what else can be wrong with the attributes.
std::vector<std::pair<std::string_view, Neuron>> gates_of(const Op& op) {
  if (const auto* rnn = std::get_if<Rnn>(&op)) return {{"activation", rnn->neuron}};
  if (const auto* lstm = std::get_if<Lstm>(&op))
    return {{"input_gate", lstm->input_gate},
            {"forget_gate", lstm->forget_gate},
            {"cell_gate", lstm->cell_gate},
            {"output_gate", lstm->output_gate}};
  if (const auto* gru = std::get_if<Gru>(&op))
    return {{"update_gate", gru->update_gate},
            {"reset_gate", gru->reset_gate},
            {"candidate", gru->candidate}};
  const auto& mgu = std::get<Mgu>(op);
  return {{"update_gate", mgu.update_gate}, {"candidate", mgu.candidate}};
}

/// That it is a neuron at all.
void check_neuron(const Op& op, std::string_view argument, const Neuron& neuron) {
  try {
    const TensorDesc any{{1}};
    neuron.spec().infer(neuron, {&any, 1});
  } catch (const ShapeError& error) {
    throw ShapeError(str(name(op), ": ", argument, ": ", error.what()));
  }
}

void check_neurons(const Op& op) {
  for (const auto& [argument, neuron] : gates_of(op)) {
    check_neuron(op, argument, neuron);
    require(neuron::saves_result(neuron) || neuron.kind == Neuron::Kind::linear, op,
            str(argument, ": the slope of ", neuron.spec().name, neuron.spec().attributes(neuron),
                " does not follow from its result"));
  }
  if (const auto* lstm = std::get_if<Lstm>(&op)) check_neuron(op, "hidden", lstm->hidden);
}

/// One value of `shape` per image, for an optional input.
void check_state(const Op& op, std::string_view argument, const TensorDesc& given_or_not,
                 const Shape& shape, std::string_view of) {
  if (!given(given_or_not)) return;
  const Shape& got = batched(op, argument, given_or_not);
  require(got == shape, op, str(argument, " must be ", shape, " for ", of, ", got ", got));
}

/// x, the weights and bias, initial state and lengths.
Layout check(const Op& op, std::span<const TensorDesc> in) {
  check_neurons(op);
  const Shape& x = batched(op, "x", in[0]);
  require(x.rank() == 2, op, str("x must be a sequence (T, I), got ", x));
  const Shape& weight = unbatched(op, "weight", in[1]);
  const Layout l(op, x, weight);
  require(weight.rank() == 2 && weight[0] % l.gates == 0 && weight[1] == x[1], op,
          str("weight must be (", l.gates == 1 ? "" : str(l.gates, " * "), "H, ", x[1], ") for x ",
              x, ", got ", weight));
  const std::string of = str("weight ", weight);
  require_like(op, "recurrent_weight", in[2], {weight[0], l.H}, of);
  if (given(in[l.bias])) require_like(op, "bias", in[l.bias], {weight[0]}, of);
  check_state(op, "initial_h", in[l.initial_h], {l.H}, of);
  if (l.initial_c >= 0) check_state(op, "initial_c", in[l.initial_c], {l.H}, of);
  check_state(op, "lengths", in[l.lengths], {}, str("x ", x));
  return l;
}

TensorDesc steps(Dim T, Dim width) { return {{T, width}}; }

std::vector<TensorDesc> infer_rnn(const Op& op, std::span<const TensorDesc> in) {
  const Layout l = check(op, in);
  return {steps(l.T, l.H), {{l.H}}};
}

std::vector<TensorDesc> infer_lstm(const Op& op, std::span<const TensorDesc> in) {
  const Layout l = check(op, in);
  if (const TensorDesc& peephole = in[l.extra]; given(peephole)) {
    const Shape &got = unbatched(op, "peephole", peephole), diagonal{4 * l.H}, full{4 * l.H, l.H};
    require(got == diagonal || got == full, op,
            str("peephole must be ", diagonal, " or ", full, " for weight ", in[1].shape, ", got ",
                got));
  }
  return {steps(l.T, l.H), {{l.H}}, {{l.H}}, steps(l.T, 4 * l.H), steps(l.T, l.H)};
}

std::vector<TensorDesc> infer_gru(const Op& op, std::span<const TensorDesc> in) {
  const auto& gru = std::get<Gru>(op);
  require_positive(op, "power", gru.power);
  const Layout l = check(op, in);
  if (given(in[l.extra])) {
    require(gru.reset_after, op, "recurrent_bias is for reset_after alone");
    require_like(op, "recurrent_bias", in[l.extra], {l.H}, str("weight ", in[1].shape));
  }
  return {steps(l.T, l.H), {{l.H}}, steps(l.T, l.saved * l.H)};
}

std::vector<TensorDesc> infer_mgu(const Op& op, std::span<const TensorDesc> in) {
  require_positive(op, "power", std::get<Mgu>(op).power);
  const Layout l = check(op, in);
  return {steps(l.T, l.H), {{l.H}}, steps(l.T, l.saved * l.H)};
}

/// The neurons that are not the default.
std::string neurons_text(const Op& op, const Op& usual) {
  std::string out;
  const auto own = gates_of(op), other = gates_of(usual);
  for (std::size_t i = 0; i < own.size(); ++i) {
    const OpSpec& s = own[i].second.spec();
    if (own[i].second != other[i].second)
      out += str(' ', own[i].first, '=', s.name, s.attributes(own[i].second));
  }
  return out;
}

template <class T>
std::string attributes(const Op& any) {
  const T &op = std::get<T>(any), usual{};
  std::string out = neurons_text(any, usual);
  if constexpr (requires { op.hidden; }) {
    const OpSpec& s = op.hidden.spec();
    if (op.hidden != usual.hidden) out += str(" hidden=", s.name, s.attributes(op.hidden));
  }
  if constexpr (requires { op.power; }) {
    if (op.power != 1) out += str(" power=", op.power);
    if (op.flip) out += " flip=true";
  }
  if constexpr (requires { op.reset_after; })
    if (op.reset_after) out += " reset_after=true";
  if (op.reverse) out += " reverse=true";
  return out;
}

/// Of whole sequences, whatever their lengths. A peephole counts where it is a matrix, not on the
/// diagonal. Whatever gradient is wanted, those of the states go back through every step.
MultiplyAdds multiply_adds(const Op& op, std::span<const TensorDesc> in, const TensorDesc&,
                           int images) {
  const Layout l(op, in[0].shape, in[1].shape);
  const std::uint64_t rows = in[0].elements(images) / l.I, width = l.gates * l.H;
  const std::uint64_t input = rows * width * l.I, recurrent = rows * width * l.H;
  const bool matrix = l.extra >= 0 && given(in[l.extra]) && in[l.extra].shape.rank() == 2;
  const std::uint64_t peephole = matrix ? recurrent : 0;
  MultiplyAdds out{input + recurrent + peephole, {input, input, recurrent, 0}};
  if (l.extra >= 0) out.gradients.push_back(peephole);
  out.any_gradient = recurrent + peephole;
  return out;
}

/// `extra` is an input behind bias, or empty.
template <class T>
OpSpec spec_of(std::string_view name, std::string_view extra,
               std::vector<TensorDesc> (*infer)(const Op&, std::span<const TensorDesc>)) {
  constexpr bool has_cells = std::is_same_v<T, Lstm>;
  OpSpec s{
      .name = name, .inputs = {"x", "weight", "recurrent_weight", "bias?"}, .outputs = {"y", "h"}};
  if (!extra.empty()) s.inputs.push_back(extra);
  s.inputs.push_back("initial_h?");
  if (has_cells) s.inputs.push_back("initial_c?");
  s.gradients = s.inputs;
  s.inputs.push_back("lengths?");
  s.saved = s.inputs;
  s.saved.push_back("y");
  s.further_dy = {"h"};
  if (has_cells) {
    s.outputs.push_back("c");
    s.further_dy.push_back("c");
  }
  if (!std::is_same_v<T, Rnn>) {
    s.outputs.push_back("gates");
    s.saved.push_back("gates");
  }
  if (has_cells) {
    s.outputs.push_back("cells");
    s.saved.push_back("cells");
  }
  s.infer = infer;
  s.attributes = attributes<T>;
  s.multiply_adds = multiply_adds;
  return s;
}

}  // namespace

recurrent::Layout::Layout(const Op& op, const Shape& x, const Shape& weight)
    : T(x[0]), I(x[1]), gates(static_cast<Dim>(gates_of(op).size())), saved(gates) {
  H = weight.rank() ? weight[0] / gates : 0;
  std::visit(
      [&](const auto& o) {
        if constexpr (requires { o.reverse; }) reverse = o.reverse;
      },
      op);
  if (std::holds_alternative<Lstm>(op)) {
    extra = 4;
    initial_h = 5;
    initial_c = 6;
    lengths = 7;
  } else if (const auto* gru = std::get_if<Gru>(&op)) {
    extra = 4;
    initial_h = 5;
    lengths = 6;
    saved += gru->reset_after;
  }
  inputs = lengths + 1;
  if (std::holds_alternative<Rnn>(op)) outputs = 1;
  if (std::holds_alternative<Lstm>(op)) outputs = 3;
}

const OpSpec& Rnn::spec() {
  static const OpSpec s = spec_of<Rnn>("rnn", "", infer_rnn);
  return s;
}

const OpSpec& Lstm::spec() {
  static const OpSpec s = spec_of<Lstm>("lstm", "peephole?", infer_lstm);
  return s;
}

const OpSpec& Gru::spec() {
  static const OpSpec s = spec_of<Gru>("gru", "recurrent_bias?", infer_gru);
  return s;
}

const OpSpec& Mgu::spec() {
  static const OpSpec s = spec_of<Mgu>("mgu", "", infer_mgu);
  return s;
}

}  // namespace mpsnn
