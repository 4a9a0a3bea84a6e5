#pragma once

#include <algorithm>
#include <functional>

#include "mpsnn/ops.hpp"

/// Each kind of Arithmetic in float or double.
namespace mpsnn::arithmetic {

// v = value(a, b); by_a and by_b are its derivatives.

template <class T>
struct Sum {
  static T value(T a, T b) { return a + b; }
  static T by_a(T, T) { return 1; }
  static T by_b(T, T) { return 1; }
};

template <class T>
struct Difference {
  static T value(T a, T b) { return a - b; }
  static T by_a(T, T) { return 1; }
  static T by_b(T, T) { return -1; }
};

template <class T>
struct Product {
  static T value(T a, T b) { return a * b; }
  static T by_a(T, T b) { return b; }
  static T by_b(T a, T) { return a; }
};

template <class T>
struct Quotient {
  static T value(T a, T b) { return a / b; }
  static T by_a(T, T b) { return 1 / b; }
  static T by_b(T a, T b) { return -a / (b * b); }
};

template <class T>
struct Minimum {
  static T value(T a, T b) { return b < a ? b : a; }
  static T by_a(T a, T b) { return b < a ? T{0} : T{1}; }
  static T by_b(T a, T b) { return b < a ? T{1} : T{0}; }
};

template <class T>
struct Maximum {
  static T value(T a, T b) { return a < b ? b : a; }
  static T by_a(T a, T b) { return a < b ? T{0} : T{1}; }
  static T by_b(T a, T b) { return a < b ? T{1} : T{0}; }
};

/// Term with its scales, bias and clamp.
template <class T, class Term>
struct Scaled {
  T primary, secondary, bias, low, high;

  explicit Scaled(const Arithmetic& op)
      : primary(op.primary_scale),
        secondary(op.secondary_scale),
        bias(op.bias),
        low(op.low),
        high(op.high) {}
  T raw(T a, T b) const { return Term::value(primary * a, secondary * b) + bias; }
  T value(T a, T b) const { return std::min(std::max(raw(a, b), low), high); }
  T by_a(T a, T b) const {
    const T v = raw(a, b);
    return v > low && v < high ? primary * Term::by_a(primary * a, secondary * b) : T{0};
  }
  T by_b(T a, T b) const {
    const T v = raw(a, b);
    return v > low && v < high ? secondary * Term::by_b(primary * a, secondary * b) : T{0};
  }
};

template <class T, class Compare>
struct Comparison {
  static T value(T a, T b) { return Compare{}(a, b) ? T{1} : T{0}; }
};

inline bool compares(Arithmetic::Kind kind) { return kind >= Arithmetic::Kind::equal; }

/// f(term) with the term of a kind that has a gradient.
template <class T, class F>
auto with_smooth_term(const Arithmetic& op, const F& f) {
  switch (op.kind) {
    case Arithmetic::Kind::add:
      return f(Scaled<T, Sum<T>>(op));
    case Arithmetic::Kind::subtract:
      return f(Scaled<T, Difference<T>>(op));
    case Arithmetic::Kind::multiply:
      return f(Scaled<T, Product<T>>(op));
    case Arithmetic::Kind::divide:
      return f(Scaled<T, Quotient<T>>(op));
    case Arithmetic::Kind::minimum:
      return f(Scaled<T, Minimum<T>>(op));
    default:
      return f(Scaled<T, Maximum<T>>(op));
  }
}

/// f(term) with the term of any kind.
template <class T, class F>
auto with_term(const Arithmetic& op, const F& f) {
  switch (op.kind) {
    case Arithmetic::Kind::equal:
      return f(Comparison<T, std::equal_to<T>>{});
    case Arithmetic::Kind::not_equal:
      return f(Comparison<T, std::not_equal_to<T>>{});
    case Arithmetic::Kind::less:
      return f(Comparison<T, std::less<T>>{});
    case Arithmetic::Kind::less_equal:
      return f(Comparison<T, std::less_equal<T>>{});
    case Arithmetic::Kind::greater:
      return f(Comparison<T, std::greater<T>>{});
    case Arithmetic::Kind::greater_equal:
      return f(Comparison<T, std::greater_equal<T>>{});
    default:
      return with_smooth_term<T>(op, f);
  }
}

}  // namespace mpsnn::arithmetic
