#include "bindings/ops/ops.hpp"

using namespace mpsnn;

namespace {

mpsnn::Reduce reduce(const std::string& kind, const std::vector<int>& axes, bool keep_axes) {
  auto op = of_kind<mpsnn::Reduce>(kind);
  op.keep_axes = keep_axes;
  for (int axis : axes) {
    if (axis < 0 || axis >= Shape::max_rank)
      throw ShapeError(str(kind, ": axes must be 0 to ", Shape::max_rank - 1, ", got ", axis));
    op.axes |= static_cast<std::uint8_t>(1 << axis);
  }
  return op;
}

}  // namespace

void bind_reductions(py::module_& m) {
  py::class_<mpsnn::Reduce>(m, "Reduce").def(py::init(&reduce), "kind"_a, "axes"_a, "keep_axes"_a);
  py::class_<mpsnn::BatchReduce>(m, "BatchReduce")
      .def(py::init(&of_kind<mpsnn::BatchReduce>), "kind"_a);
}
