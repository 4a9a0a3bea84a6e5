#include "bindings/ops/ops.hpp"

using namespace mpsnn;

void bind_reductions(py::module_& m) {
  py::class_<mpsnn::Reduce>(m, "Reduce");
  py::class_<mpsnn::BatchReduce>(m, "BatchReduce");
}
