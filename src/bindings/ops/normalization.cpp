#include "bindings/ops/ops.hpp"

using namespace mpsnn;

void bind_normalization(py::module_& m) {
  py::class_<BatchNorm>(m, "BatchNorm")
      .def(py::init([](float epsilon, float momentum_keep) {
             BatchNorm op;
             op.epsilon = epsilon;
             op.momentum_keep = momentum_keep;
             return op;
           }),
           "epsilon"_a, "momentum_keep"_a);
  py::class_<FoldBatchNorm>(m, "FoldBatchNorm", "Made by the library alone.");
  py::class_<mpsnn::GroupNorm>(m, "GroupNorm");
  py::class_<mpsnn::LayerNorm>(m, "LayerNorm");
  py::class_<mpsnn::CrossChannelNorm>(m, "CrossChannelNorm");
  py::class_<mpsnn::SpatialNorm>(m, "SpatialNorm");
  py::class_<mpsnn::LocalContrastNorm>(m, "LocalContrastNorm");
}
