#include "bindings/ops/ops.hpp"

using namespace mpsnn;

void bind_updates(py::module_& m) {
  py::class_<Running>(m, "Running")
      .def(py::init([](float keep) { return Running{keep}; }), "keep"_a);
  py::class_<Sgd>(m, "Sgd").def(
      py::init([](float momentum, bool nesterov) { return Sgd{momentum, nesterov}; }), "momentum"_a,
      "nesterov"_a);
  py::class_<RmsProp>(m, "RmsProp")
      .def(py::init([](float decay, float epsilon) { return RmsProp{decay, epsilon}; }), "decay"_a,
           "epsilon"_a);
  py::class_<Adam>(m, "Adam").def(
      py::init([](float beta1, float beta2, float epsilon) { return Adam{beta1, beta2, epsilon}; }),
      "beta1"_a, "beta2"_a, "epsilon"_a);
  py::class_<HostUpdate>(m, "HostUpdate", "Made by the library alone.");
}
