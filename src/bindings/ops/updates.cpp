#include "bindings/ops/ops.hpp"

using namespace mpsnn;

void bind_updates(py::module_& m) {
  py::class_<Running>(m, "Running")
      .def(py::init([](float keep) { return Running{keep, 0}; }), "keep"_a);
  py::class_<Sgd>(m, "Sgd").def(
      py::init([](float momentum, bool nesterov) { return Sgd{momentum, nesterov, 1}; }),
      "momentum"_a, "nesterov"_a);
  py::class_<RmsProp>(m, "RmsProp")
      .def(py::init([](float decay, float epsilon) { return RmsProp{decay, epsilon, 1}; }),
           "decay"_a, "epsilon"_a);
  py::class_<Adam>(m, "Adam").def(
      py::init([](float beta1, float beta2, float epsilon, float weight_decay, bool amsgrad) {
        return Adam{beta1, beta2, epsilon, weight_decay, amsgrad, 1};
      }),
      "beta1"_a, "beta2"_a, "epsilon"_a, "weight_decay"_a, "amsgrad"_a);
  py::class_<PrepareGradient>(m, "PrepareGradient")
      .def(py::init([](float clip_min, float clip_max, float rescale, float l1, float l2) {
             return PrepareGradient{clip_min, clip_max, rescale, l1, l2};
           }),
           "clip_min"_a, "clip_max"_a, "rescale"_a, "l1"_a, "l2"_a);
  py::class_<ClipScale>(m, "ClipScale", "Made by the library alone.");
  py::class_<Accumulate>(m, "Accumulate", "Made by the library alone.");
  py::class_<CheckGradients>(m, "CheckGradients", "Made by the library alone.");
  py::class_<HostUpdate>(m, "HostUpdate", "Made by the library alone.");
}
