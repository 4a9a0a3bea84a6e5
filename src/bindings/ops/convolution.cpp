#include "bindings/ops/ops.hpp"

using namespace mpsnn;

Padding mpsnn::padding(const PyPadding& p) {
  if (const auto* sides = std::get_if<1>(&p)) {
    const auto [top, bottom, left, right] = *sides;
    return {Padding::Mode::fixed, top, bottom, left, right};
  }
  const std::string& mode = std::get<0>(p);
  if (mode == "same") return {Padding::Mode::same};
  if (mode == "valid") return {Padding::Mode::valid};
  throw ShapeError(str("padding: must be 'same', 'valid' or four numbers, got '", mode, "'"));
}

void bind_convolution(py::module_& m) {
  py::class_<Conv2d>(m, "Conv2d")
      .def(py::init([](Pair stride, Pair dilation, const PyPadding& p, int groups) {
             return Conv2d{size2(stride), size2(dilation),     padding(p),
                           groups,        Accumulator::single, {}};
           }),
           "stride"_a, "dilation"_a, "padding"_a, "groups"_a);
  py::class_<Dense>(m, "Dense").def(py::init<>());
  py::class_<mpsnn::ConvTranspose2d>(m, "ConvTranspose2d");
}
