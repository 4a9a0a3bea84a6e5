#include "bindings/batch.hpp"

namespace mpsnn {
namespace {

/// float32 (N, shape), or class indices, int32 (N, shape without its last axis).
HostArray labels_view(const py::object& array, const std::string& what, const Labels& op,
                      int& images) {
  const bool indices = py::isinstance<py::array>(array) &&
                       py::reinterpret_borrow<py::array>(array).dtype().kind() == 'i';
  const std::span<const Dim> dims = op.shape.dims();
  if (indices && dims.empty())
    throw ShapeError(str(what, ": must be float32 (N,), got class indices"));
  if (indices && is_batch_of(array, op.shape))
    throw ShapeError(str(what, ": integers are class indices, without the last axis of ", op.shape,
                         "; one-hot labels must be float32, use .astype(np.float32)"));
  return view_batch(array, what, indices ? Shape(dims.first(dims.size() - 1)) : op.shape, images);
}

HostArray weights_view(const py::object& array, const std::string& what, const Labels& op,
                       int& images) {
  return view_batch(array, what, op.element_weights ? op.shape : Shape{}, images);
}

}  // namespace

Batch Batch::part(int first, int count) const {
  Batch out{count,
            {},
            {labels.labels.part(images, first, count), labels.weights.part(images, first, count)}};
  for (const auto& [id, array] : inputs)
    out.inputs.emplace_back(id, array.part(images, first, count));
  return out;
}

Batch BatchReader::batch(const Arrays& inputs, const py::object& labels,
                         const py::object& weights) const {
  Batch out;
  for (const auto& [id, array] : inputs) {
    const Node& node = graph.producer(id);
    if (const auto* l = std::get_if<Labels>(&node.op)) {
      const std::string of = "['" + node.label + "']";
      out.inputs.emplace_back(id, id == node.outputs[0]
                                      ? labels_view(array, "labels" + of, *l, out.images)
                                      : weights_view(array, "weights" + of, *l, out.images));
      continue;
    }
    const std::string what = inputs.size() == 1 ? "images" : "images['" + node.label + "']";
    const auto* input = std::get_if<Input>(&node.op);
    if (!input) throw ShapeError(str(what, ": value ", id.index, " is not an input"));
    out.inputs.emplace_back(id, view_batch(array, what, input->shape, out.images));
    if (out.inputs.back().second.dtype != input->dtype)
      throw ShapeError(str(what, ": dtype must be ", input->dtype, ", got ",
                           out.inputs.back().second.dtype, "; use .astype(np.", input->dtype, ")"));
  }
  if (!labels.is_none())
    out.labels.labels = labels_view(labels, "labels", only_labels(), out.images);
  if (!weights.is_none())
    out.labels.weights = weights_view(weights, "weights", only_labels(), out.images);
  return out;
}

const Labels& BatchReader::only_labels() const {
  for (const Node& node : graph.nodes()) {
    if (const auto* l = std::get_if<Labels>(&node.op)) return *l;
  }
  throw ShapeError("labels: the graph has none");
}

std::vector<py::array> BatchReader::new_outputs(int images) const {
  std::vector<py::array> out;
  for (ValueId v : outputs)
    out.push_back(new_array(graph.desc(v).dtype, graph.desc(v).shape, images));
  return out;
}

std::vector<HostSpan> spans_of(std::vector<py::array>& arrays) {
  std::vector<HostSpan> out;
  for (py::array& array : arrays) out.push_back(span_of(array));
  return out;
}

}  // namespace mpsnn
