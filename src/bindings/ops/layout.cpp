#include "bindings/ops/ops.hpp"

using namespace mpsnn;

namespace {

/// The values of the first axes, and `rest` for those that there may be behind them.
PerAxis per_axis(std::string_view argument, const std::vector<int>& values, PerAxis rest = {}) {
  if (values.size() > rest.size())
    throw ShapeError(
        str(argument, ": must be at most ", rest.size(), " numbers, got ", values.size()));
  std::ranges::copy(values, rest.begin());
  return rest;
}

constexpr std::array<std::string_view, 4> pad_modes = {"constant", "clamp", "mirror",
                                                       "mirror_with_edge"};

}  // namespace

void bind_layout(py::module_& m) {
  using Values = std::vector<int>;
  py::class_<Reshape>(m, "Reshape")
      .def(py::init([](std::vector<Dim> shape) { return Reshape{Shape(shape)}; }), "shape"_a);
  py::class_<Concat>(m, "Concat").def(py::init([](int axis) { return Concat{axis}; }), "axis"_a);
  py::class_<mpsnn::Slice>(m, "Slice")
      .def(py::init([](const Values& start, const Values& stop, const Values& step) {
             return mpsnn::Slice{per_axis("start", start), per_axis("stop", stop),
                                 per_axis("step", step, {1, 1, 1, 1})};
           }),
           "start"_a, "stop"_a, "step"_a);
  py::class_<mpsnn::Pad>(m, "Pad").def(
      py::init([](const Values& before, const Values& after, const std::string& mode, float value) {
        return mpsnn::Pad{per_axis("before", before), per_axis("after", after),
                          choice<mpsnn::Pad::Mode>("mode", mode, pad_modes), value};
      }),
      "before"_a, "after"_a, "mode"_a, "value"_a);
  py::class_<mpsnn::Transpose>(m, "Transpose")
      .def(py::init([](const Values& order) {
             return mpsnn::Transpose{per_axis("order", order, {0, 1, 2, 3})};
           }),
           "order"_a);
  py::class_<mpsnn::StopGradient>(m, "StopGradient").def(py::init<>());
  py::class_<Cast>(m, "Cast", "Made by the library alone.");
}
