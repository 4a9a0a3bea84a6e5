#include <cmath>

#include "ops/checks.hpp"

namespace mpsnn {
namespace {

std::vector<TensorDesc> infer_initial(const Op& op, std::span<const TensorDesc>) {
  return {{Shape{}, DType::float32, std::get<InitialGradient>(op).batched}};
}

/// The loss of checked attributes: x, labels and weights that fit each other.
std::vector<TensorDesc> infer_any(const Op& op, std::span<const TensorDesc> in,
                                  Reduction reduction) {
  const Shape& x = batched(op, "x", in[0]);
  const Shape& labels = batched(op, "labels", in[1]);
  require(labels == x, op, str("labels must be ", x, " as x, got ", labels));
  if (given(in[2])) {
    const Shape& weights = batched(op, "weights", in[2]);
    require(weights.rank() == 0 || weights == x, op,
            str("weights must be one number () per image, or ", x, " as x, got ", weights));
  }
  return {{reduction == Reduction::none ? x : Shape{}}};
}

std::vector<TensorDesc> infer(const Op& op, std::span<const TensorDesc> in) {
  const auto& loss = std::get<Loss>(op);
  require_fraction(op, "label_smoothing", loss.label_smoothing);
  require_positive(op, "delta", loss.delta);
  require_positive(op, "epsilon", loss.epsilon);
  require(std::isfinite(loss.weight), op, str("weight must be finite, got ", loss.weight));
  const bool softmax = loss.kind == Loss::Kind::softmax_cross_entropy;
  require(loss.label_smoothing == 0 || softmax || loss.kind == Loss::Kind::sigmoid_cross_entropy,
          op, str("label_smoothing must be 0, got ", loss.label_smoothing));
  require(loss.kind != Loss::Kind::cosine_distance || loss.reduction == Reduction::sum, op,
          "reduction must be sum");
  require(!softmax || in[0].shape.rank() > 0, op,
          str("x must have an axis of classes, got ", in[0].shape));
  return infer_any(op, in, loss.reduction);
}

constexpr std::string_view reduction_names[reductions] = {"none", "sum", "mean",
                                                          "sum_by_nonzero_weights"};

std::string attributes(const Op& op) {
  const auto& loss = std::get<Loss>(op);
  const Loss usual;
  std::string out;
  const auto add = [&out](std::string_view name, float value, float by_default) {
    if (value != by_default) out += str(' ', name, '=', value);
  };
  if (loss.reduction != usual.reduction)
    out += str(" reduction=", reduction_names[static_cast<int>(loss.reduction)]);
  add("weight", loss.weight, usual.weight);
  add("label_smoothing", loss.label_smoothing, usual.label_smoothing);
  add("delta", loss.delta, usual.delta);
  add("epsilon", loss.epsilon, usual.epsilon);
  if (loss.strict_mps) out += " strict_mps";
  return out;
}

OpSpec spec_of(std::string_view name) {
  return {.name = name,
          .inputs = {"x", "labels", "weights?"},
          .outputs = {"loss"},
          .saved = {"x", "labels", "weights?"},
          .gradients = {"x", "labels"},
          .infer = infer,
          .attributes = attributes};
}

void check_yolo(const Op& op) {
  const auto& yolo = std::get<YoloLoss>(op);
  for (const auto& [width, height] : yolo.anchors) {
    require_positive(op, "anchors", width);
    require_positive(op, "anchors", height);
  }
  require_positive(op, "delta", yolo.delta);
  require_positive(op, "epsilon", yolo.epsilon);
  for (float scale : {yolo.scale_xy, yolo.scale_wh, yolo.scale_no_object, yolo.scale_object,
                      yolo.scale_class, yolo.weight})
    require(std::isfinite(scale), op, str("weight and scales must be finite, got ", scale));
  require(0 <= yolo.max_iou && yolo.max_iou <= yolo.min_iou && yolo.min_iou <= 1, op,
          str("max_iou and min_iou must be 0 <= max_iou <= min_iou <= 1, got ", yolo.max_iou,
              " and ", yolo.min_iou));
  for (YoloLoss::Kind part : {yolo.xy, yolo.wh, yolo.confidence}) {
    require(part != Loss::Kind::softmax_cross_entropy && part != Loss::Kind::cosine_distance, op,
            "xy, wh and confidence must be losses of single elements");
  }
  require(yolo.classes != Loss::Kind::cosine_distance, op, "classes must not be cosine_distance");
}

std::vector<TensorDesc> infer_yolo(const Op& op, std::span<const TensorDesc> in) {
  check_yolo(op);
  const auto& yolo = std::get<YoloLoss>(op);
  const Shape& x = in[0].shape;
  const Dim anchors = static_cast<Dim>(yolo.anchors.size());
  require(x.rank() == 3 && anchors > 0 && x[2] % anchors == 0 && x[2] / anchors > 5, op,
          str("x must be (H, W, A * (5 + classes)) with A = ", anchors, " anchors, got ", x));
  return infer_any(op, in, yolo.reduction);
}

std::string yolo_attributes(const Op& op) {
  const auto& yolo = std::get<YoloLoss>(op);
  std::string anchors;
  for (const auto& [width, height] : yolo.anchors)
    anchors += str(anchors.empty() ? "" : ", ", '(', width, ", ", height, ')');
  return str(" anchors=(", anchors, ')', yolo.rescore ? " rescore" : "");
}

}  // namespace

const OpSpec& InitialGradient::spec() {
  static const OpSpec s{.name = "initial_gradient",
                        .inputs = {},
                        .outputs = {"y"},
                        .saved = {},
                        .gradients = {},
                        .infer = infer_initial};
  return s;
}

const OpSpec& Loss::spec() const {
  static const OpSpec specs[kinds] = {spec_of("mean_absolute_error"),
                                      spec_of("mean_squared_error"),
                                      spec_of("softmax_cross_entropy"),
                                      spec_of("sigmoid_cross_entropy"),
                                      spec_of("categorical_cross_entropy"),
                                      spec_of("hinge_loss"),
                                      spec_of("huber_loss"),
                                      spec_of("cosine_distance"),
                                      spec_of("log_loss"),
                                      spec_of("kl_divergence")};
  return specs[static_cast<int>(kind)];
}

const OpSpec& YoloLoss::spec() {
  static const OpSpec s{.name = "yolo_loss",
                        .inputs = {"x", "labels", "weights?"},
                        .outputs = {"loss"},
                        .saved = {"x", "labels", "weights?"},
                        .gradients = {"x"},
                        .infer = infer_yolo,
                        .attributes = yolo_attributes};
  return s;
}

}  // namespace mpsnn
