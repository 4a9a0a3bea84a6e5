#include "bindings/ops/ops.hpp"

using namespace mpsnn;

void bind_pooling(py::module_& m) {
  py::class_<MaxPool2d>(m, "MaxPool2d")
      .def(py::init([](Pair kernel, Pair stride, const PyPadding& p, Pair dilation,
                       const std::string& e) {
             return MaxPool2d{size2(kernel), size2(stride), size2(dilation), padding(p), edge(e)};
           }),
           "kernel"_a, "stride"_a, "padding"_a, "dilation"_a, "edge"_a);
  py::class_<AvgPool2d>(m, "AvgPool2d")
      .def(py::init([](Pair kernel, Pair stride, const PyPadding& p, const std::string& e) {
             return AvgPool2d{size2(kernel), size2(stride), padding(p), edge(e)};
           }),
           "kernel"_a, "stride"_a, "padding"_a, "edge"_a);
  py::class_<L2Pool2d>(m, "L2Pool2d")
      .def(py::init([](Pair kernel, Pair stride, const PyPadding& p) {
             return L2Pool2d{size2(kernel), size2(stride), padding(p)};
           }),
           "kernel"_a, "stride"_a, "padding"_a);
}
