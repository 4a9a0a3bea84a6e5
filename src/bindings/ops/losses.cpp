#include "bindings/ops/ops.hpp"

using namespace mpsnn;

namespace {

constexpr std::array<std::string_view, reductions> reduction_names = {"none", "sum", "mean",
                                                                      "sum_by_nonzero_weights"};

Reduction reduction(const std::string& name) {
  return choice<Reduction>("reduction", name, reduction_names);
}

Loss loss(const std::string& kind, const std::string& by, float weight, float label_smoothing,
          float delta, float epsilon, bool strict_mps) {
  auto op = of_kind<Loss>(kind);
  op.reduction = reduction(by);
  op.weight = weight;
  op.label_smoothing = label_smoothing;
  op.delta = delta;
  op.epsilon = epsilon;
  op.strict_mps = strict_mps;
  return op;
}

/// The kinds of xy, wh, confidence and classes; the scales of xy, wh, no object, object and
/// class; the least and the most IOU.
YoloLoss yolo(const std::vector<std::array<float, 2>>& anchors,
              const std::array<std::string, 4>& kinds, const std::array<float, 5>& scales,
              const std::array<float, 2>& iou, bool rescore, const std::string& by, float weight,
              float delta) {
  YoloLoss op;
  op.anchors = anchors;
  op.xy = of_kind<Loss>(kinds[0]).kind;
  op.wh = of_kind<Loss>(kinds[1]).kind;
  op.confidence = of_kind<Loss>(kinds[2]).kind;
  op.classes = of_kind<Loss>(kinds[3]).kind;
  std::tie(op.scale_xy, op.scale_wh, op.scale_no_object, op.scale_object, op.scale_class) =
      std::tuple_cat(scales);
  std::tie(op.min_iou, op.max_iou) = std::tuple_cat(iou);
  op.rescore = rescore;
  op.reduction = reduction(by);
  op.weight = weight;
  op.delta = delta;
  return op;
}

}  // namespace

void bind_losses(py::module_& m) {
  py::class_<InitialGradient>(m, "InitialGradient", "Made by the library alone.");
  py::class_<Loss>(m, "Loss").def(py::init(&loss), "kind"_a, "reduction"_a, "weight"_a,
                                  "label_smoothing"_a, "delta"_a, "epsilon"_a, "strict_mps"_a);
  py::class_<YoloLoss>(m, "YoloLoss")
      .def(py::init(&yolo), "anchors"_a, "kinds"_a, "scales"_a, "iou"_a, "rescore"_a, "reduction"_a,
           "weight"_a, "delta"_a);
}
