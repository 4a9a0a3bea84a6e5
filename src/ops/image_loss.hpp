#pragma once

#include "ops/log_sum_exp.hpp"
#include "ops/loss_terms.hpp"

/// The losses of one image, in float or double: the elements of each, then what weights and
/// reduction make of them.
namespace mpsnn::loss {

/// Labels with their smoothing: keep t + add.
template <class T>
struct Smoothing {
  T keep, add;

  T operator()(T t) const { return t * keep + add; }
};

/// The elements of a Loss.
template <class T>
class Elements {
 public:
  using Op = Loss;

  Elements(const Loss& op, const Shape& x)
      : op_(op),
        size_(x.size()),
        classes_(softmax() ? x[x.rank() - 1] : 1),
        smooth_{1 - op.label_smoothing,
                op.label_smoothing / static_cast<T>(softmax() ? classes_ : 2)} {}

  Dim elements() const { return size_; }
  /// What a mean divides by: pixels, where an element is a class.
  Dim parts() const { return size_ / classes_; }
  std::size_t scratch_bytes() const { return 0; }
  bool cosine() const { return op_.kind == Loss::Kind::cosine_distance; }
  bool strict() const { return op_.strict_mps; }

  /// visit(i, element i before weights).
  template <class F>
  void values(const T* x, const T* labels, void*, const F& visit) const {
    if (!softmax()) {
      with_term<T>(op_.kind, op_.delta, op_.epsilon, [&](auto term) {
        for (Dim i = 0; i < size_; ++i) visit(i, term.value(x[i], smooth_(labels[i])));
      });
      return;
    }
    for (Dim row = 0; row < size_; row += classes_) {
      const T shift = log_sum_exp(x + row, classes_);
      for (Dim i = row; i < row + classes_; ++i) visit(i, smooth_(labels[i]) * (shift - x[i]));
    }
  }

  /// Of sum c[i] * element i, by x and by the labels. Either may be null, and c may be either.
  void gradients(const T* x, const T* labels, const T* c, void*, T* dx, T* dt) const {
    if (softmax()) return softmax_gradients(x, labels, c, dx, dt);
    with_term<T>(op_.kind, op_.delta, op_.epsilon, [&](auto term) {
      for (Dim i = 0; i < size_; ++i) {
        const T each = c[i], t = smooth_(labels[i]);
        if (dt) dt[i] = each * term.by_t(x[i], t) * smooth_.keep;
        if (dx) dx[i] = each * term.by_x(x[i], t);
      }
    });
  }

 private:
  bool softmax() const { return op_.kind == Loss::Kind::softmax_cross_entropy; }

  void softmax_gradients(const T* x, const T* labels, const T* c, T* dx, T* dt) const {
    for (Dim row = 0; row < size_; row += classes_) {
      const T shift = log_sum_exp(x + row, classes_);
      T total = 0;
      for (Dim i = row; i < row + classes_; ++i) total += c[i] * smooth_(labels[i]);
      for (Dim i = row; i < row + classes_; ++i) {
        const T each = c[i], t = smooth_(labels[i]), p = std::exp(x[i] - shift);
        if (dt) dt[i] = each * (shift - x[i]) * smooth_.keep;
        if (dx) dx[i] = op_.strict_mps ? each * (p - t) : p * total - each * t;
      }
    }
  }

  Loss op_;
  Dim size_, classes_;
  Smoothing<T> smooth_;
};

/// Weights and reduction of one loss. The weights of an image are none, one, or one per element.
template <class T>
struct Weighting {
  Reduction reduction;
  T weight;
  Dim elements, parts;
  Dim weights;  ///< 0, 1 or `elements`.
  bool each;    ///< One per element.

  T at(const T* w, Dim i) const { return weights == 0 ? T{1} : w[each ? i : 0]; }

  /// A weight per image counts for every part.
  T divisor(const T* w) const {
    if (reduction == Reduction::none || reduction == Reduction::sum) return 1;
    if (reduction == Reduction::mean || weights == 0) return static_cast<T>(parts);
    const Dim nonzero = std::count_if(w, w + weights, [](T x) { return x != 0; });
    return static_cast<T>(std::max<Dim>(each ? nonzero : nonzero * parts, 1));
  }
};

/// The loss of one image: one number, or each element where nothing is reduced.
template <class T, class Image>
void forward(const Image& image, const Weighting<T>& by, const T* x, const T* labels, const T* w,
             void* scratch, T* out) {
  if (by.reduction == Reduction::none) {
    image.values(x, labels, scratch,
                 [&](Dim i, T element) { out[i] = by.weight * by.at(w, i) * element; });
    return;
  }
  double sum = image.cosine() ? 1 : 0;
  if (by.each)
    image.values(x, labels, scratch, [&](Dim i, T element) { sum += w[i] * element; });
  else
    image.values(x, labels, scratch, [&](Dim, T element) { sum += element; });
  if (!by.each) sum *= by.at(w, 0);
  *out = static_cast<T>(by.weight * sum / by.divisor(w));
}

/// Its gradients by x and labels, either of which may be null.
template <class T, class Image>
void gradient(const Image& image, const Weighting<T>& by, const T* dy, const T* x, const T* labels,
              const T* w, void* scratch, T* dx, T* dt) {
  T* c = dx ? dx : dt;
  const T scale = by.weight / (image.strict() ? T{1} : by.divisor(w));
  const bool none = by.reduction == Reduction::none;
  for (Dim i = 0; i < by.elements; ++i) c[i] = dy[none ? i : 0] * by.at(w, i) * scale;
  image.gradients(x, labels, c, scratch, dx, dt);
}

}  // namespace mpsnn::loss
