#pragma once

#include <algorithm>

#include "bindings/bindings.hpp"

/// What a call from Python hands to a network, and gets from it.
namespace mpsnn {

using Arrays = std::vector<std::pair<ValueId, py::object>>;

/// One call's batch, checked against the graph.
struct Batch {
  int images = 0;
  Inputs inputs;
  LossLabels labels;

  /// `count` images from `first`.
  Batch part(int first, int count) const;
};

/// Checks arrays against the inputs of `graph`, and makes those for its outputs.
struct BatchReader {
  Graph graph;
  std::vector<ValueId> outputs;

  /// @throws ShapeError naming images, labels or weights.
  Batch batch(const Arrays& inputs, const py::object& labels, const py::object& weights) const;
  std::vector<py::array> new_outputs(int images) const;

 private:
  const Labels& only_labels() const;
};

std::vector<HostSpan> spans_of(std::vector<py::array>& arrays);

/// Calls run(part, outputs) without the GIL for a few batches at a time, so that Ctrl-C is heard
/// between them.
template <class F>
void each_part(const Batch& b, int batch, const std::vector<HostSpan>& to, const F& run) {
  if (b.images == 0) throw ShapeError("images: not given");
  const int most = std::max(256, 4 * batch) / batch * batch;
  for (int first = 0; first < b.images; first += most) {
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    const int count = std::min(most, b.images - first);
    const Batch part = b.part(first, count);
    std::vector<HostSpan> outputs;
    for (const HostSpan& span : to) outputs.push_back(span.part(b.images, first, count));
    const py::gil_scoped_release release;
    run(part, outputs);
  }
}

}  // namespace mpsnn
