#include "bindings/ops/ops.hpp"

void bind_ops(py::module_& m) {
  auto ops = m.def_submodule("ops", "The op vocabulary: one class per op, holding its attributes.");
  bind_sources(ops);
  bind_convolution(ops);
  bind_pooling(ops);
  bind_normalization(ops);
  bind_neurons(ops);
  bind_recurrent(ops);
  bind_arithmetic(ops);
  bind_layout(ops);
  bind_sampling(ops);
  bind_reductions(ops);
  bind_losses(ops);
  bind_updates(ops);
}
