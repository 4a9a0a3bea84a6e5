#include "bindings/ops/ops.hpp"

using namespace mpsnn;

namespace {

DType input_dtype(const std::string& name) {
  if (name == "float32") return DType::float32;
  if (name == "uint8") return DType::uint8;
  if (name == "int32") return DType::int32;
  throw ShapeError(str("dtype: must be 'float32', 'uint8' or 'int32', got '", name, "'"));
}

}  // namespace

void bind_sources(py::module_& m) {
  py::class_<Input>(m, "Input")
      .def(
          py::init([](std::vector<Dim> shape, const std::string& dtype, float scale, float offset) {
            return Input{Shape(shape), input_dtype(dtype), scale, offset};
          }),
          "shape"_a, "dtype"_a, "scale"_a, "offset"_a);
  py::class_<Labels>(m, "Labels")
      .def(py::init([](std::vector<Dim> shape, bool element_weights) {
             return Labels{Shape(shape), element_weights};
           }),
           "shape"_a, "element_weights"_a);
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
