#include "bindings/ops/ops.hpp"

using namespace mpsnn;

void bind_sampling(py::module_& m) {
  py::class_<mpsnn::Resize>(m, "Resize");
  py::class_<mpsnn::CropAndResize>(m, "CropAndResize");
  py::class_<mpsnn::GridSample>(m, "GridSample");
}
