#include "bindings/ops/ops.hpp"

using namespace mpsnn;

void bind_losses(py::module_& m) {
  py::class_<InitialGradient>(m, "InitialGradient", "Made by the library alone.");
  py::class_<SoftmaxCrossEntropy>(m, "SoftmaxCrossEntropy")
      .def(py::init([](float smoothing) { return SoftmaxCrossEntropy{smoothing}; }),
           "label_smoothing"_a);
}
