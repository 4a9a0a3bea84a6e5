#pragma once

#include <span>

#include "ops/image_loss.hpp"

/// The loss of YOLO v2, of one image, in float or double.
namespace mpsnn::loss {

/// Centre and size, in cells.
template <class T>
struct Box {
  T x, y, width, height;
};

/// Of areas, in 0 to 1; 0 where the boxes are no finite ones.
template <class T>
T intersection_over_union(const Box<T>& a, const Box<T>& b) {
  const auto overlap = [](T p, T p_size, T q, T q_size) {
    const T low = std::max(p - p_size / 2, q - q_size / 2);
    const T high = std::min(p + p_size / 2, q + q_size / 2);
    return std::max(high - low, T{0});
  };
  const T both = overlap(a.x, a.width, b.x, b.width) * overlap(a.y, a.height, b.y, b.height);
  const T all = a.width * a.height + b.width * b.height - both;
  return all > 0 && std::isfinite(all) ? both / all : T{0};
}

template <class T>
class Yolo {
 public:
  using Op = YoloLoss;

  Yolo(const YoloLoss& op, const Shape& x)
      : op_(op),
        columns_(x[1]),
        anchors_(static_cast<Dim>(op.anchors.size())),
        channels_(x[2] / anchors_),
        predictors_(x[0] * x[1] * anchors_) {}

  Dim elements() const { return predictors_ * channels_; }
  Dim parts() const { return elements(); }
  std::size_t scratch_bytes() const { return predictors_ * sizeof(Box<T>); }
  bool cosine() const { return false; }
  bool strict() const { return false; }

  /// visit(i, element i before weights).
  template <class F>
  void values(const T* x, const T* labels, void* scratch, const F& visit) const {
    const std::span<const Box<T>> truth = labelled(labels, scratch);
    for (Dim p = 0; p < predictors_; ++p, x += channels_, labels += channels_) {
      const Match m = match(p, x, labels, truth);
      const Dim at = p * channels_;
      for (int i = 0; i < 2; ++i) {
        visit(at + i, m.object * op_.scale_xy * value(op_.xy, sigmoid(x[i]), labels[i]));
        visit(at + 2 + i, m.object * op_.scale_wh * value(op_.wh, x[2 + i], labels[2 + i]));
      }
      visit(at + 4, m.scale * value(op_.confidence, x[4], m.target));
      class_values(x, labels, m.object * op_.scale_class,
                   [&](Dim k, T element) { visit(at + k, element); });
    }
  }

  /// Of sum c[i] * element i. c may be dx; the labels have no gradient.
  void gradients(const T* x, const T* labels, const T* c, void* scratch, T* dx, T*) const {
    const std::span<const Box<T>> truth = labelled(labels, scratch);
    for (Dim p = 0; p < predictors_; ++p) {
      const Match m = match(p, x, labels, truth);
      for (int i = 0; i < 2; ++i) {
        const T y = sigmoid(x[i]), slope = m.object * op_.scale_xy * y * (1 - y);
        dx[i] = c[i] * slope * by_x(op_.xy, y, labels[i]);
        const T wh = by_x(op_.wh, x[2 + i], labels[2 + i]);
        dx[2 + i] = c[2 + i] * m.object * op_.scale_wh * wh;
      }
      dx[4] = c[4] * m.scale * by_x(op_.confidence, x[4], m.target);
      class_gradients(x, labels, m.object * op_.scale_class, c, dx);
      x += channels_, labels += channels_, c += channels_, dx += channels_;
    }
  }

 private:
  /// What one prediction is to learn: `object` is 1 if its box is labelled, else 0.
  struct Match {
    T object, scale, target;
  };

  static T sigmoid(T x) { return 1 / (1 + std::exp(-x)); }
  T value(Loss::Kind kind, T x, T t) const {
    return with_term<T>(kind, op_.delta, op_.epsilon, [&](auto f) { return f.value(x, t); });
  }
  T by_x(Loss::Kind kind, T x, T t) const {
    return with_term<T>(kind, op_.delta, op_.epsilon, [&](auto f) { return f.by_x(x, t); });
  }

  Box<T> box(Dim predictor, T x, T y, T w, T h) const {
    const Dim cell = predictor / anchors_;
    const std::array<float, 2>& anchor = op_.anchors[predictor % anchors_];
    return {static_cast<T>(cell % columns_) + x, static_cast<T>(cell / columns_) + y,
            anchor[0] * std::exp(w), anchor[1] * std::exp(h)};
  }

  std::span<const Box<T>> labelled(const T* t, void* scratch) const {
    auto* boxes = static_cast<Box<T>*>(scratch);
    std::size_t count = 0;
    for (Dim p = 0; p < predictors_; ++p, t += channels_) {
      if (t[4] >= T{0.5}) boxes[count++] = box(p, t[0], t[1], t[2], t[3]);
    }
    return {boxes, count};
  }

  Match match(Dim p, const T* x, const T* t, std::span<const Box<T>> truth) const {
    const Box<T> mine = box(p, sigmoid(x[0]), sigmoid(x[1]), x[2], x[3]);
    if (t[4] >= T{0.5}) {
      const Box<T> label = box(p, t[0], t[1], t[2], t[3]);
      const T target = op_.rescore ? intersection_over_union(mine, label) : T{1};
      return {1, op_.scale_object, target};
    }
    T best = 0;
    for (const Box<T>& other : truth) best = std::max(best, intersection_over_union(mine, other));
    if (best < op_.max_iou || truth.empty()) return {0, op_.scale_no_object, 0};
    if (best > op_.min_iou) return {0, op_.scale_object, op_.rescore ? best : T{1}};
    return {0, 0, 0};
  }

  template <class F>
  void class_values(const T* x, const T* t, T scale, const F& visit) const {
    const bool softmax = op_.classes == Loss::Kind::softmax_cross_entropy;
    const T shift = softmax ? log_sum_exp(x + 5, channels_ - 5) : T{0};
    for (Dim k = 5; k < channels_; ++k)
      visit(k, scale * (softmax ? t[k] * (shift - x[k]) : value(op_.classes, x[k], t[k])));
  }

  void class_gradients(const T* x, const T* t, T scale, const T* c, T* dx) const {
    if (op_.classes != Loss::Kind::softmax_cross_entropy) {
      for (Dim k = 5; k < channels_; ++k) dx[k] = c[k] * scale * by_x(op_.classes, x[k], t[k]);
      return;
    }
    const T shift = log_sum_exp(x + 5, channels_ - 5);
    T total = 0;
    for (Dim k = 5; k < channels_; ++k) total += c[k] * t[k];
    for (Dim k = 5; k < channels_; ++k)
      dx[k] = scale * (std::exp(x[k] - shift) * total - c[k] * t[k]);
  }

  YoloLoss op_;
  Dim columns_, anchors_, channels_, predictors_;
};

}  // namespace mpsnn::loss
