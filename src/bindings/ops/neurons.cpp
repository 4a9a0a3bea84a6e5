#include "bindings/ops/ops.hpp"

using namespace mpsnn;

namespace {

Neuron neuron(const std::string& kind, float a, float b, float c) {
  auto op = of_kind<Neuron>(kind);
  op.a = a;
  op.b = b;
  op.c = c;
  return op;
}

/// `strides` are those of the axes of x, all four, the missing ones first.
Dropout dropout(float rate, std::uint32_t key, const std::array<int, Shape::max_rank>& strides) {
  return {rate, key, strides};
}

}  // namespace

void bind_neurons(py::module_& m) {
  py::class_<Neuron>(m, "Neuron").def(py::init(&neuron), "kind"_a, "a"_a, "b"_a, "c"_a);
  py::class_<PRelu>(m, "PRelu").def(py::init<>());
  py::class_<Softmax>(m, "Softmax").def(py::init<>());
  py::class_<LogSoftmax>(m, "LogSoftmax").def(py::init<>());
  py::class_<Dropout>(m, "Dropout").def(py::init(&dropout), "rate"_a, "key"_a, "strides"_a);
}
