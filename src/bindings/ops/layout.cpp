#include "bindings/ops/ops.hpp"

using namespace mpsnn;

void bind_layout(py::module_& m) {
  py::class_<Reshape>(m, "Reshape")
      .def(py::init([](std::vector<Dim> shape) { return Reshape{Shape(shape)}; }), "shape"_a);
  py::class_<Concat>(m, "Concat").def(py::init([](int axis) { return Concat{axis}; }), "axis"_a);
  py::class_<mpsnn::Slice>(m, "Slice");
  py::class_<mpsnn::Pad>(m, "Pad");
  py::class_<mpsnn::Transpose>(m, "Transpose");
  py::class_<mpsnn::StopGradient>(m, "StopGradient");
}
