#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include "mpsnn/ops.hpp"

/// Each kind of Neuron in float or double: value(x), and the derivative from what is saved,
/// slope(y) where `saves_result` says so, else slope(x).
namespace mpsnn::neuron {

template <class T>
struct Linear {
  T a, b;
  T value(T x) const { return a * x + b; }
  T slope(T) const { return a; }
};

template <class T>
struct Relu {
  T a;
  T value(T x) const { return x < 0 ? a * x : x; }
  T slope(T v) const { return v > 0 ? T{1} : a; }
};

template <class T>
struct ReluN {
  T a, b;
  T value(T x) const { return std::min(x < 0 ? a * x : x, b); }
  T slope(T v) const { return value(v) < b ? (v > 0 ? T{1} : a) : T{0}; }
};

/// ReluN from its result, with a >= 0.
template <class T>
struct ReluNOfResult : ReluN<T> {
  T slope(T y) const { return y < this->b ? (y > 0 ? T{1} : this->a) : T{0}; }
};

template <class T>
struct Sigmoid {
  T value(T x) const { return 1 / (1 + std::exp(-x)); }
  T slope(T y) const { return y * (1 - y); }
};

template <class T>
struct HardSigmoid {
  T a, b;
  T value(T x) const { return std::clamp(a * x + b, T{0}, T{1}); }
  T slope(T y) const { return y > 0 && y < 1 ? a : T{0}; }
};

template <class T>
struct Tanh {
  T a, b;
  T value(T x) const { return a * std::tanh(b * x); }
  T slope(T y) const { return a == 0 ? T{0} : b * (a - y * y / a); }
};

template <class T>
struct Abs {
  T value(T x) const { return std::abs(x); }
  T slope(T x) const { return static_cast<T>((x > 0) - (x < 0)); }
};

template <class T>
struct Softplus {
  T a, b;
  T value(T x) const {
    return a * (std::max(b * x, T{0}) + std::log1p(std::exp(-std::abs(b * x))));
  }
  T slope(T x) const { return a * b / (1 + std::exp(-b * x)); }
};

template <class T>
struct Softsign {
  T value(T x) const { return x / (1 + std::abs(x)); }
  T slope(T x) const { return 1 / ((1 + std::abs(x)) * (1 + std::abs(x))); }
};

template <class T>
struct Elu {
  T a;
  T value(T x) const { return x < 0 ? a * std::expm1(x) : x; }
  T slope(T x) const { return x < 0 ? a * std::exp(x) : T{1}; }
};

/// Elu from its result, with a >= 0.
template <class T>
struct EluOfResult : Elu<T> {
  T slope(T y) const { return y > 0 ? T{1} : y + this->a; }
};

/// The slope at 0 is 0 where it would be infinite.
template <class T>
struct Power {
  T a, b, c;
  T value(T x) const { return std::pow(a * x + b, c); }
  T slope(T x) const {
    const T base = a * x + b;
    return c == 0 || (base == 0 && c < 1) ? T{0} : a * c * std::pow(base, c - 1);
  }
};

/// log_c, with c = -1 for e.
template <class T>
T log_of_base(T c) {
  return c == -1 ? T{1} : std::log(c);
}

template <class T>
struct Exponential {
  T a, b, log_c;
  T value(T x) const { return std::exp((a * x + b) * log_c); }
  T slope(T y) const { return a * log_c * y; }
};

template <class T>
struct Logarithm {
  T a, b, log_c;
  T value(T x) const { return std::log(a * x + b) / log_c; }
  T slope(T x) const { return a / ((a * x + b) * log_c); }
};

template <class T>
struct Gelu {
  static constexpr T root_half = std::numbers::sqrt2_v<T> / 2;
  static T share(T x) { return (1 + std::erf(x * root_half)) / 2; }
  T value(T x) const { return x * share(x); }
  T slope(T x) const {
    const T density = std::exp(-x * x / 2) * std::numbers::inv_sqrtpi_v<T> * root_half;
    return share(x) + x * density;
  }
};

template <class T>
struct Silu {
  T value(T x) const { return x / (1 + std::exp(-x)); }
  T slope(T x) const {
    const T s = 1 / (1 + std::exp(-x));
    return s * (1 + x * (1 - s));
  }
};

template <class T>
struct Clamp {
  T a, b;
  T value(T x) const { return std::min(std::max(x, a), b); }
  T slope(T y) const { return y > a && y < b ? T{1} : T{0}; }
};

/// Whether the gradient reads y; else it reads x.
inline bool saves_result(const Neuron& n) {
  switch (n.kind) {
    case Neuron::Kind::relu:
    case Neuron::Kind::relu_n:
    case Neuron::Kind::elu:
      return n.a >= 0;
    case Neuron::Kind::sigmoid:
    case Neuron::Kind::hard_sigmoid:
    case Neuron::Kind::tanh:
    case Neuron::Kind::exponential:
    case Neuron::Kind::clamp:
      return true;
    default:
      return false;
  }
}

/// f(term) with the term of `n`, in arithmetic of type T.
template <class T, class F>
auto with_term(const Neuron& n, const F& f) {
  const T a = n.a, b = n.b, c = n.c;
  const bool result = saves_result(n);
  switch (n.kind) {
    case Neuron::Kind::linear:
      return f(Linear<T>{a, b});
    case Neuron::Kind::relu:
      return f(Relu<T>{a});
    case Neuron::Kind::relu_n:
      return result ? f(ReluNOfResult<T>{{a, b}}) : f(ReluN<T>{a, b});
    case Neuron::Kind::sigmoid:
      return f(Sigmoid<T>{});
    case Neuron::Kind::hard_sigmoid:
      return f(HardSigmoid<T>{a, b});
    case Neuron::Kind::tanh:
      return f(Tanh<T>{a, b});
    case Neuron::Kind::abs:
      return f(Abs<T>{});
    case Neuron::Kind::softplus:
      return f(Softplus<T>{a, b});
    case Neuron::Kind::softsign:
      return f(Softsign<T>{});
    case Neuron::Kind::elu:
      return result ? f(EluOfResult<T>{{a}}) : f(Elu<T>{a});
    case Neuron::Kind::power:
      return f(Power<T>{a, b, c});
    case Neuron::Kind::exponential:
      return f(Exponential<T>{a, b, log_of_base(c)});
    case Neuron::Kind::logarithm:
      return f(Logarithm<T>{a, b, log_of_base(c)});
    case Neuron::Kind::gelu:
      return f(Gelu<T>{});
    case Neuron::Kind::silu:
      return f(Silu<T>{});
    default:
      return f(Clamp<T>{a, b});
  }
}

/// f(x) of a fused neuron; x itself where there is none.
template <class T>
T activate(const Activation& activation, T x) {
  if (!activation) return x;
  return with_term<T>(*activation, [x](auto term) { return term.value(x); });
}

}  // namespace mpsnn::neuron
