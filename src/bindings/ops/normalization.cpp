#include "bindings/ops/ops.hpp"

using namespace mpsnn;

namespace {

BatchNorm batch_norm(float epsilon, float momentum_keep, bool training, bool unbiased) {
  BatchNorm op;
  op.epsilon = epsilon;
  op.momentum_keep = momentum_keep;
  op.training = training;
  op.unbiased_running_var = unbiased;
  return op;
}

}  // namespace

void bind_normalization(py::module_& m) {
  py::class_<BatchNorm>(m, "BatchNorm")
      .def(py::init(&batch_norm), "epsilon"_a, "momentum_keep"_a, "training"_a,
           "unbiased_running_var"_a);
  py::class_<FoldBatchNorm>(m, "FoldBatchNorm", "Made by the library alone.");
  py::class_<GroupNorm>(m, "GroupNorm")
      .def(py::init([](int groups, float epsilon) { return GroupNorm{groups, epsilon}; }),
           "groups"_a, "epsilon"_a);
  py::class_<LayerNorm>(m, "LayerNorm")
      .def(py::init([](int axes, float epsilon) { return LayerNorm{axes, epsilon}; }), "axes"_a,
           "epsilon"_a);
  py::class_<CrossChannelNorm>(m, "CrossChannelNorm")
      .def(py::init([](int size, float alpha, float beta, float delta) {
             return CrossChannelNorm{size, alpha, beta, delta};
           }),
           "size"_a, "alpha"_a, "beta"_a, "delta"_a);
  py::class_<SpatialNorm>(m, "SpatialNorm")
      .def(py::init([](Pair kernel, float alpha, float beta, float delta) {
             return SpatialNorm{size2(kernel), alpha, beta, delta};
           }),
           "kernel"_a, "alpha"_a, "beta"_a, "delta"_a);
  py::class_<LocalContrastNorm>(m, "LocalContrastNorm")
      .def(py::init(
               [](Pair kernel, float alpha, float beta, float delta, float p0, float pm, float ps) {
                 return LocalContrastNorm{size2(kernel), alpha, beta, delta, p0, pm, ps};
               }),
           "kernel"_a, "alpha"_a, "beta"_a, "delta"_a, "p0"_a, "pm"_a, "ps"_a);
}
