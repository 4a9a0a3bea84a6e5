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

namespace {

Accumulator chosen(const std::string& name) {
  return choice<Accumulator>("accumulator", name,
                             std::array<std::string_view, 2>{"single", "half"});
}

}  // namespace

void bind_convolution(py::module_& m) {
  py::class_<Conv2d>(m, "Conv2d")
      .def(py::init([](Pair stride, Pair dilation, const PyPadding& p, int groups,
                       const std::string& accumulator) {
             return Conv2d{size2(stride), size2(dilation),     padding(p),
                           groups,        chosen(accumulator), {}};
           }),
           "stride"_a, "dilation"_a, "padding"_a, "groups"_a, "accumulator"_a);
  py::class_<ConvTranspose2d>(m, "ConvTranspose2d")
      .def(py::init([](Pair stride, Pair dilation, const PyPadding& p, Pair output_padding,
                       int groups, const std::string& accumulator) {
             return ConvTranspose2d{size2(stride),         size2(dilation), padding(p),
                                    size2(output_padding), groups,          chosen(accumulator)};
           }),
           "stride"_a, "dilation"_a, "padding"_a, "output_padding"_a, "groups"_a, "accumulator"_a);
  py::class_<Dense>(m, "Dense").def(py::init<>());
}
