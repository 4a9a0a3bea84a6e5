#include "ops/sampling.hpp"

#include "ops/window_checks.hpp"

namespace mpsnn {
namespace {

std::vector<TensorDesc> infer_resize(const Op& op, std::span<const TensorDesc> in) {
  const Size2 size = std::get<Resize>(op).size;
  require_size(op, "size", size);
  return {{{size.h, size.w, image(op, "x", in[0])[2]}}};
}

std::string resize_attributes(const Op& op) {
  constexpr std::string_view coordinates[] = {"asymmetric", "align_corners", "half_pixel"};
  const auto& r = std::get<Resize>(op);
  return str(" size=", r.size, r.mode == Resize::Mode::nearest ? " nearest" : " bilinear",
             " coordinates=", coordinates[static_cast<int>(r.coordinates)]);
}

std::vector<TensorDesc> infer_crop(const Op& op, std::span<const TensorDesc> in) {
  const Size2 size = std::get<CropAndResize>(op).size;
  require_size(op, "size", size);
  const Shape &x = image(op, "x", in[0]), &boxes = batched(op, "boxes", in[1]);
  require(boxes.rank() == 2 && boxes[1] == 4, op, str("boxes must be (R, 4), got ", boxes));
  return {{{boxes[0], size.h, size.w, x[2]}}};
}

std::vector<TensorDesc> infer_grid(const Op& op, std::span<const TensorDesc> in) {
  const Shape &x = image(op, "x", in[0]), &grid = batched(op, "grid", in[1]);
  require(grid.rank() == 3 && grid[2] == 2, op, str("grid must be (H', W', 2), got ", grid));
  return {{{grid[0], grid[1], x[2]}}};
}

std::string grid_attributes(const Op& op) {
  const auto& g = std::get<GridSample>(op);
  return str(" padding=", g.edge == Edge::zero ? "zero" : "clamp",
             g.align_corners ? " align_corners" : "");
}

}  // namespace

const OpSpec& Resize::spec() {
  static const OpSpec s{.name = "resize",
                        .inputs = {"x"},
                        .outputs = {"y"},
                        .saved = {},
                        .gradients = {"x"},
                        .infer = infer_resize,
                        .attributes = resize_attributes};
  return s;
}

const OpSpec& CropAndResize::spec() {
  static const OpSpec s{
      .name = "crop_and_resize",
      .inputs = {"x", "boxes"},
      .outputs = {"y"},
      .saved = {"x", "boxes"},
      .gradients = {"x", "boxes"},
      .infer = infer_crop,
      .attributes = [](const Op& op) { return str(" size=", std::get<CropAndResize>(op).size); }};
  return s;
}

const OpSpec& GridSample::spec() {
  static const OpSpec s{.name = "grid_sample",
                        .inputs = {"x", "grid"},
                        .outputs = {"y"},
                        .saved = {"x", "grid"},
                        .gradients = {"x", "grid"},
                        .infer = infer_grid,
                        .attributes = grid_attributes};
  return s;
}

}  // namespace mpsnn
