#pragma once

#include <algorithm>
#include <cmath>

#include "mpsnn/ops.hpp"

/// One element of each elementwise loss and its derivatives, in float or double. Not
/// softmax_cross_entropy, which is of whole rows.
namespace mpsnn::loss {

template <class T>
T sign(T x) {
  return static_cast<T>((x > 0) - (x < 0));
}

template <class T>
struct AbsoluteError {
  T value(T x, T t) const { return std::abs(x - t); }
  T by_x(T x, T t) const { return sign(x - t); }
  T by_t(T x, T t) const { return -by_x(x, t); }
};

template <class T>
struct SquaredError {
  T value(T x, T t) const { return (x - t) * (x - t); }
  T by_x(T x, T t) const { return 2 * (x - t); }
  T by_t(T x, T t) const { return -by_x(x, t); }
};

template <class T>
struct SigmoidCrossEntropy {
  T value(T x, T t) const { return std::max(x, T{0}) - x * t + std::log1p(std::exp(-std::abs(x))); }
  T by_x(T x, T t) const { return 1 / (1 + std::exp(-x)) - t; }
  T by_t(T x, T) const { return -x; }
};

template <class T>
struct CategoricalCrossEntropy {
  T epsilon;
  T value(T x, T t) const { return -t * std::log(std::max(x, epsilon)); }
  T by_x(T x, T t) const { return x < epsilon ? 0 : -t / x; }
  T by_t(T x, T) const { return -std::log(std::max(x, epsilon)); }
};

template <class T>
struct Hinge {
  T value(T x, T t) const { return std::max(1 - (2 * t - 1) * x, T{0}); }
  T by_x(T x, T t) const { return value(x, t) > 0 ? 1 - 2 * t : 0; }
  T by_t(T x, T t) const { return value(x, t) > 0 ? -2 * x : 0; }
};

template <class T>
struct Huber {
  T delta;
  T value(T x, T t) const {
    const T d = std::abs(x - t);
    return d <= delta ? d * d / 2 : delta * (d - delta / 2);
  }
  T by_x(T x, T t) const { return std::clamp(x - t, -delta, delta); }
  T by_t(T x, T t) const { return -by_x(x, t); }
};

/// Without the 1 that the image's sum is taken from.
template <class T>
struct CosineDistance {
  T value(T x, T t) const { return -x * t; }
  T by_x(T, T t) const { return -t; }
  T by_t(T x, T) const { return -x; }
};

template <class T>
struct LogLoss {
  T epsilon;
  T value(T x, T t) const {
    return -t * std::log(x + epsilon) - (1 - t) * std::log(1 - x + epsilon);
  }
  T by_x(T x, T t) const { return (1 - t) / (1 - x + epsilon) - t / (x + epsilon); }
  T by_t(T x, T) const { return std::log(1 - x + epsilon) - std::log(x + epsilon); }
};

template <class T>
struct KlDivergence {
  T value(T x, T t) const { return t == 0 ? 0 : t * (std::log(t) - x); }
  T by_x(T, T t) const { return -t; }
  T by_t(T x, T t) const { return t == 0 ? 0 : std::log(t) + 1 - x; }
};

/// f(term) with the term of `kind`, in arithmetic of type T.
template <class T, class F>
auto with_term(Loss::Kind kind, T delta, T epsilon, const F& f) {
  switch (kind) {
    case Loss::Kind::mean_absolute_error:
      return f(AbsoluteError<T>{});
    case Loss::Kind::mean_squared_error:
      return f(SquaredError<T>{});
    case Loss::Kind::sigmoid_cross_entropy:
      return f(SigmoidCrossEntropy<T>{});
    case Loss::Kind::categorical_cross_entropy:
      return f(CategoricalCrossEntropy<T>{epsilon});
    case Loss::Kind::hinge_loss:
      return f(Hinge<T>{});
    case Loss::Kind::huber_loss:
      return f(Huber<T>{delta});
    case Loss::Kind::log_loss:
      return f(LogLoss<T>{epsilon});
    case Loss::Kind::kl_divergence:
      return f(KlDivergence<T>{});
    default:
      return f(CosineDistance<T>{});
  }
}

}  // namespace mpsnn::loss
