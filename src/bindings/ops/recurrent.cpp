#include "bindings/ops/ops.hpp"

using namespace mpsnn;

void bind_recurrent(py::module_& m) {
  py::class_<Rnn>(m, "Rnn").def(
      py::init([](const Neuron& activation, bool reverse) { return Rnn{activation, reverse}; }),
      "activation"_a, "reverse"_a);
  py::class_<Lstm>(m, "Lstm").def(
      py::init([](const Neuron& input_gate, const Neuron& forget_gate, const Neuron& cell_gate,
                  const Neuron& output_gate, const Neuron& hidden, bool reverse) {
        return Lstm{input_gate, forget_gate, cell_gate, output_gate, hidden, reverse};
      }),
      "input_gate"_a, "forget_gate"_a, "cell_gate"_a, "output_gate"_a, "hidden"_a, "reverse"_a);
  py::class_<Gru>(m, "Gru").def(
      py::init([](const Neuron& update_gate, const Neuron& reset_gate, const Neuron& candidate,
                  float power, bool flip, bool reset_after, bool reverse) {
        return Gru{update_gate, reset_gate, candidate, power, flip, reset_after, reverse};
      }),
      "update_gate"_a, "reset_gate"_a, "candidate"_a, "power"_a, "flip"_a, "reset_after"_a,
      "reverse"_a);
  py::class_<Mgu>(m, "Mgu").def(
      py::init([](const Neuron& update_gate, const Neuron& candidate, float power, bool flip,
                  bool reverse) { return Mgu{update_gate, candidate, power, flip, reverse}; }),
      "update_gate"_a, "candidate"_a, "power"_a, "flip"_a, "reverse"_a);
}
