#include "bindings/bindings.hpp"

using namespace mpsnn;

namespace {

void bind_value(py::module_& m) {
  py::class_<ValueId>(m, "ValueId")
      .def(py::init<>(), "An absent optional input.")
      .def_readonly("index", &ValueId::index)
      .def("__eq__",
           [](ValueId a, const py::object& b) {
             return py::isinstance<ValueId>(b) && a == b.cast<ValueId>();
           })
      .def("__hash__", [](ValueId v) { return v.index; })
      .def("__repr__", [](ValueId v) { return str("ValueId(", v.index, ")"); });
}

void bind_graph_class(py::module_& m) {
  py::class_<Graph>(m, "Graph")
      .def(py::init<>())
      .def(
          "add",
          [](Graph& self, Op::Variant op, const std::vector<ValueId>& inputs, std::string label) {
            return self.add(Op(std::move(op)), inputs, std::move(label));
          },
          "op"_a, "inputs"_a, "label"_a = "")
      .def(
          "outputs", [](const Graph& self, ValueId v) { return self.producer(v).outputs; },
          "value"_a, "Every output of the node that writes `value`.")
      .def(
          "shape",
          [](const Graph& self, ValueId v) -> std::vector<Dim> {
            const auto dims = self.desc(v).shape.dims();
            return {dims.begin(), dims.end()};
          },
          "value"_a, "Extent of each axis of `value`, per image: [H, W, C], [K] or [].")
      .def(
          "dtype",
          [](const Graph& self, ValueId v) { return std::string(name(self.desc(v).dtype)); },
          "value"_a)
      .def(
          "batched", [](const Graph& self, ValueId v) { return self.desc(v).batched; }, "value"_a)
      .def(
          "label", [](const Graph& self, ValueId v) { return self.producer(v).label; }, "value"_a,
          "The label of the node that writes `value`.")
      .def("has", &Graph::has, "value"_a, "Whether a node writes `value`.")
      .def("parameters", &parameters, "Every parameter, in the order they were added.")
      .def_property_readonly("node_count", [](const Graph& self) { return self.nodes().size(); })
      .def("print", [](const Graph& self) { return self.print(); }, "One line per node.");
}

/// What Python shows of a node.
struct NodeView {
  std::string op;
  std::vector<ValueId> inputs, outputs;
  std::vector<std::string> output_names;
  std::string label;
  bool gradient, parameter, trainable;
  std::string line;
};

std::vector<NodeView> nodes(const Graph& graph) {
  std::vector<NodeView> out;
  for (const Node& node : graph.nodes()) {
    const auto* parameter = std::get_if<Parameter>(&node.op);
    out.push_back({std::string(name(node.op)), node.inputs, node.outputs, output_names(node),
                   node.label, bool(node.gradient_of), parameter != nullptr,
                   parameter && parameter->trainable, graph.print(node)});
  }
  return out;
}

void bind_nodes(py::module_& m) {
  py::class_<NodeView>(m, "Node", "One node of a graph, as it was when it was asked for.")
      .def_readonly("op", &NodeView::op)
      .def_readonly("inputs", &NodeView::inputs, "Absent where an optional input is left out.")
      .def_readonly("outputs", &NodeView::outputs, "Absent where nobody wants the value.")
      .def_readonly("output_names", &NodeView::output_names)
      .def_readonly("label", &NodeView::label)
      .def_readonly("gradient", &NodeView::gradient, "Whether it is a gradient node.")
      .def_readonly("parameter", &NodeView::parameter)
      .def_readonly("trainable", &NodeView::trainable)
      .def_readonly("line", &NodeView::line, "As the graph prints it.");
  m.def("nodes", &nodes, "graph"_a, "Every node, in order.");
}

void bind_passes(py::module_& m) {
  py::class_<Optimizer>(m, "Optimizer", "An update rule, and what happens to gradients before it.")
      .def(py::init([](Op::Variant rule, float learning_rate, const PrepareGradient& gradient,
                       float clip_norm, int accumulate) {
             return Optimizer{Op(std::move(rule)), learning_rate, gradient, clip_norm, accumulate};
           }),
           "rule"_a, "learning_rate"_a, "gradient"_a, "clip_norm"_a, "accumulate"_a);
  m.def(
      "add_gradients",
      [](Graph& graph, ValueId loss, const std::vector<ValueId>& wrt) {
        std::vector<ValueId> out;
        for (const Gradient& g : add_gradients(graph, loss, wrt)) out.push_back(g.gradient);
        return out;
      },
      "graph"_a, "loss"_a, "wrt"_a,
      "Append the gradient nodes; the gradient of each value in `wrt`, absent where there is "
      "none.");
  m.def(
      "add_gradient",
      [](Graph& graph, ValueId y, ValueId dy) {
        std::vector<std::pair<ValueId, ValueId>> out;
        for (const Gradient& g : add_gradient(graph, y, dy)) out.emplace_back(g.value, g.gradient);
        return out;
      },
      "graph"_a, "y"_a, "dy"_a,
      "Append the gradient node of the node that computes `y`; each input and its gradient.");
  m.def(
      "training_graph",
      [](const Graph& graph, ValueId loss, const Optimizer& optimizer) {
        return training_graph(graph, loss, optimizer).graph;
      },
      "graph"_a, "loss"_a, "optimizer"_a);
  m.def(
      "inference_graph",
      [](const Graph& graph, const std::vector<ValueId>& outputs) {
        return inference_graph(graph, outputs);
      },
      "graph"_a, "outputs"_a);
  m.def(
      "eliminate_dead",
      [](const Graph& graph, const std::vector<ValueId>& keep) {
        return eliminate_dead(graph, keep);
      },
      "graph"_a, "keep"_a);
  m.def("flatten_concats", [](const Graph& graph) { return flatten_concats(graph); }, "graph"_a);
  m.def(
      "fold_batch_norm",
      [](const Graph& graph, const std::vector<ValueId>& keep) {
        return fold_batch_norm(graph, keep);
      },
      "graph"_a, "keep"_a);
  m.def(
      "fuse",
      [](const Graph& graph, const std::vector<ValueId>& keep) { return fuse(graph, keep); },
      "graph"_a, "keep"_a);
}

/// Family and name of every op, and for each backend whether it has the op and its gradient.
void bind_vocabulary(py::module_& m) {
  m.def(
      "vocabulary",
      [] {
        using Support = std::tuple<std::string, bool, bool>;
        std::vector<std::tuple<std::string, std::string, std::vector<Support>>> out;
        for (const VocabularyEntry& e : vocabulary()) {
          std::vector<Support> support;
          for (const Backend* b : backends()) {
            const bool forward = b->supports({e.op, {}, {}, {}, {}});
            const bool gradient =
                differentiable(e.op) &&
                (passes_gradient(e.op) || b->supports({e.op, {}, {}, ValueId{0}, {}}));
            support.emplace_back(b->name(), forward, gradient);
          }
          out.emplace_back(e.family, name(e.op), std::move(support));
        }
        return out;
      },
      "Family and name of every op; by backend whether it has the op, and its gradient.");
}

}  // namespace

void bind_graph(py::module_& m) {
  bind_value(m);
  bind_graph_class(m);
  bind_nodes(m);
  bind_passes(m);
  bind_vocabulary(m);
}
