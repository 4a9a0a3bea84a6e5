#include "bindings/ops/ops.hpp"

using namespace mpsnn;

void bind_neurons(py::module_& m) {
  py::class_<Neuron>(m, "Neuron").def(py::init<>());
  py::class_<Softmax>(m, "Softmax").def(py::init<>());
  py::class_<Dropout>(m, "Dropout")
      .def(py::init([](float rate, std::uint32_t key) {
             Dropout op;
             op.rate = rate;
             op.key = key;
             return op;
           }),
           "rate"_a, "key"_a);
  py::class_<mpsnn::PRelu>(m, "PRelu");
  py::class_<mpsnn::LogSoftmax>(m, "LogSoftmax");
}
