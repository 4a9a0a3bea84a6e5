#include "bindings/ops/ops.hpp"

using namespace mpsnn;

namespace {

mpsnn::Arithmetic arithmetic(const std::string& kind, float primary_scale, float secondary_scale,
                             float bias, float low, float high) {
  auto op = of_kind<mpsnn::Arithmetic>(kind);
  op.primary_scale = primary_scale;
  op.secondary_scale = secondary_scale;
  op.bias = bias;
  op.low = low;
  op.high = high;
  return op;
}

}  // namespace

void bind_arithmetic(py::module_& m) {
  py::class_<Add>(m, "Add").def(py::init<>());
  py::class_<mpsnn::Arithmetic>(m, "Arithmetic")
      .def(py::init(&arithmetic), "kind"_a, "primary_scale"_a, "secondary_scale"_a, "bias"_a,
           "low"_a, "high"_a);
  py::class_<MatMul>(m, "MatMul")
      .def(py::init([](bool a, bool b) { return MatMul{a, b}; }), "transpose_a"_a, "transpose_b"_a);
  py::class_<GramMatrix>(m, "GramMatrix")
      .def(py::init([](float alpha) { return GramMatrix{alpha}; }), "alpha"_a);
}
