#include <optional>
#include <variant>

#include "bindings/bindings.hpp"

namespace mpsnn {
namespace {

using Pair = std::pair<int, int>;
using PyPadding = std::variant<std::string, std::tuple<int, int, int, int>>;

Size2 size2(Pair p) { return {p.first, p.second}; }

Padding padding(const PyPadding& p) {
  if (const auto* sides = std::get_if<1>(&p)) {
    const auto [top, bottom, left, right] = *sides;
    return {Padding::Mode::fixed, top, bottom, left, right};
  }
  const std::string& mode = std::get<0>(p);
  if (mode == "same") return {Padding::Mode::same};
  if (mode == "valid") return {Padding::Mode::valid};
  throw ShapeError(str("padding: must be 'same', 'valid' or four numbers, got '", mode, "'"));
}

Edge edge(const std::string& name) {
  if (name == "clamp") return Edge::clamp;
  if (name == "zero") return Edge::zero;
  throw ShapeError(str("edge: must be 'clamp' or 'zero', got '", name, "'"));
}

DType input_dtype(const std::string& name) {
  if (name == "float32") return DType::float32;
  if (name == "uint8") return DType::uint8;
  throw ShapeError(str("dtype: must be 'float32' or 'uint8', got '", name, "'"));
}

template <class Pool>
void bind_pool(py::module_& m, const char* name) {
  py::class_<Pool>(m, name).def(
      py::init([](Pair kernel, Pair stride, const PyPadding& p, const std::string& e) {
        return Pool{size2(kernel), size2(stride), padding(p), edge(e)};
      }),
      "kernel"_a, "stride"_a, "padding"_a, "edge"_a);
}

void bind_sources(py::module_& m) {
  py::class_<Input>(m, "Input")
      .def(
          py::init([](std::vector<Dim> shape, const std::string& dtype, float scale, float offset) {
            return Input{Shape(shape), input_dtype(dtype), scale, offset};
          }),
          "shape"_a, "dtype"_a, "scale"_a, "offset"_a);
  py::class_<Labels>(m, "Labels")
      .def(py::init([](int classes) { return Labels{classes}; }), "classes"_a);
  py::class_<Scalar>(m, "Scalar").def(py::init<>());
  py::class_<Parameter>(m, "Parameter")
      .def(py::init([](std::vector<Dim> shape, bool trainable,
                       std::optional<std::shared_ptr<DataSource>> source, std::string tensor) {
             return Parameter{Shape(shape), trainable, source.value_or(nullptr), std::move(tensor)};
           }),
           "shape"_a, "trainable"_a, "source"_a, "tensor"_a);
  py::class_<State>(m, "State")
      .def(py::init(
               [](std::vector<Dim> shape, float initial) { return State{Shape(shape), initial}; }),
           "shape"_a, "initial"_a);
}

void bind_layers(py::module_& m) {
  py::class_<Conv2d>(m, "Conv2d")
      .def(py::init([](Pair stride, Pair dilation, const PyPadding& p, int groups) {
             return Conv2d{size2(stride), size2(dilation), padding(p), groups, Activation::none};
           }),
           "stride"_a, "dilation"_a, "padding"_a, "groups"_a);
  py::class_<Dense>(m, "Dense").def(py::init<>());
  bind_pool<MaxPool2d>(m, "MaxPool2d");
  bind_pool<AvgPool2d>(m, "AvgPool2d");
  py::class_<Relu>(m, "Relu").def(py::init<>());
  py::class_<Dropout>(m, "Dropout")
      .def(py::init([](float rate, std::uint32_t key) { return Dropout{rate, key}; }), "rate"_a,
           "key"_a);
  py::class_<BatchNorm>(m, "BatchNorm")
      .def(py::init([](float epsilon, float momentum_keep) {
             return BatchNorm{epsilon, momentum_keep, true, Activation::none};
           }),
           "epsilon"_a, "momentum_keep"_a);
  py::class_<Add>(m, "Add").def(py::init<>());
  py::class_<Reshape>(m, "Reshape")
      .def(py::init([](std::vector<Dim> shape) { return Reshape{Shape(shape)}; }), "shape"_a);
  py::class_<Concat>(m, "Concat").def(py::init([](int axis) { return Concat{axis}; }), "axis"_a);
  py::class_<Softmax>(m, "Softmax").def(py::init<>());
  py::class_<SoftmaxCrossEntropy>(m, "SoftmaxCrossEntropy")
      .def(py::init([](float smoothing) { return SoftmaxCrossEntropy{smoothing}; }),
           "label_smoothing"_a);
}

void bind_updates(py::module_& m) {
  py::class_<Running>(m, "Running")
      .def(py::init([](float keep) { return Running{keep}; }), "keep"_a);
  py::class_<Sgd>(m, "Sgd").def(
      py::init([](float momentum, bool nesterov) { return Sgd{momentum, nesterov}; }), "momentum"_a,
      "nesterov"_a);
  py::class_<RmsProp>(m, "RmsProp")
      .def(py::init([](float decay, float epsilon) { return RmsProp{decay, epsilon}; }), "decay"_a,
           "epsilon"_a);
  py::class_<Adam>(m, "Adam").def(
      py::init([](float beta1, float beta2, float epsilon) { return Adam{beta1, beta2, epsilon}; }),
      "beta1"_a, "beta2"_a, "epsilon"_a);
  py::class_<HostUpdate>(m, "HostUpdate", "Made by the library alone.");
}

}  // namespace
}  // namespace mpsnn

void bind_ops(py::module_& m) {
  auto ops = m.def_submodule("ops", "The op vocabulary: one class per op, holding its attributes.");
  mpsnn::bind_sources(ops);
  mpsnn::bind_layers(ops);
  mpsnn::bind_updates(ops);
}
