#include "bindings/ops/ops.hpp"

using namespace mpsnn;

void bind_arithmetic(py::module_& m) {
  py::class_<Add>(m, "Add").def(py::init<>());
  py::class_<mpsnn::Arithmetic>(m, "Arithmetic");
  py::class_<mpsnn::MatMul>(m, "MatMul");
  py::class_<mpsnn::GramMatrix>(m, "GramMatrix");
}
