#include "bindings/ops/ops.hpp"

using namespace mpsnn;

namespace {

constexpr std::array<std::string_view, 2> modes = {"nearest", "bilinear"};
constexpr std::array<std::string_view, 3> coordinate_names = {"asymmetric", "align_corners",
                                                              "half_pixel"};

}  // namespace

void bind_sampling(py::module_& m) {
  py::class_<mpsnn::Resize>(m, "Resize")
      .def(py::init([](Pair size, const std::string& mode, const std::string& coordinates) {
             using R = mpsnn::Resize;
             return R{size2(size), choice<R::Mode>("mode", mode, modes),
                      choice<R::Coordinates>("coordinates", coordinates, coordinate_names)};
           }),
           "size"_a, "mode"_a, "coordinates"_a);
  py::class_<mpsnn::CropAndResize>(m, "CropAndResize")
      .def(py::init([](Pair size) { return mpsnn::CropAndResize{size2(size)}; }), "size"_a);
  py::class_<mpsnn::GridSample>(m, "GridSample")
      .def(py::init([](const std::string& padding, bool align_corners) {
             return mpsnn::GridSample{choice<Edge>("padding", padding, edge_names), align_corners};
           }),
           "padding"_a, "align_corners"_a);
}
