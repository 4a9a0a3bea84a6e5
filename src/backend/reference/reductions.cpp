#include <cmath>

#include "backend/reference/kernels.hpp"

namespace mpsnn::reference {
namespace {

/// The axes of one reduction and the walk over what it reads.
struct Axes {
  Shape x;
  unsigned axes;
  Dim images;
  Dim count = 1;   // elements of x per element of y
  Dim y_size = 1;  // per image

  Axes(const KernelContext& k, const Shape& x_)
      : x(x_), axes(k.op<Reduce>().axes), images(k.in_elements(0) / k.in(0).size()) {
    for (int i = 0; i < x.rank(); ++i) (gone(i) ? count : y_size) *= x[i];
  }
  bool gone(int axis) const { return axes >> axis & 1; }

  /// Calls f(element of x, element of y, position along the axes), in row-major order of x,
  /// elements over the whole batch.
  template <class F>
  void each(const F& f) const {
    for (Dim n = 0; n < images; ++n)
      for (Dim e = 0; e < x.size(); ++e) {
        Dim y = 0, position = 0, inside = x.size();
        for (int i = 0; i < x.rank(); ++i) {
          inside /= x[i];
          Dim& at = gone(i) ? position : y;
          at = at * x[i] + e / inside % x[i];
        }
        f(n * x.size() + e, n * y_size + y, position);
      }
  }
};

bool is_mean(const KernelContext& k) { return k.op<Reduce>().kind == Reduce::Kind::mean; }

Kernel total(KernelContext& k) {
  const Axes axes(k, k.in(0));
  const auto divisor = static_cast<double>(is_mean(k) ? axes.count : 1);
  return [axes, divisor](const Launch& l) {
    auto* y = l.out<double>(0);
    clear(y, axes.images * axes.y_size);
    axes.each([&](Dim xi, Dim yi, Dim) { y[yi] += l.in<double>(0)[xi]; });
    for (Dim i = 0; i < axes.images * axes.y_size; ++i) y[i] /= divisor;
  };
}

// in: dy.  out: dx
Kernel total_gradient(KernelContext& k) {
  const Axes axes(k, k.out(0));
  const auto divisor = static_cast<double>(is_mean(k) ? axes.count : 1);
  return [axes, divisor](const Launch& l) {
    axes.each([&](Dim xi, Dim yi, Dim) { l.out<double>(0)[xi] = l.in<double>(0)[yi] / divisor; });
  };
}

/// The extreme value and its position, each where it is wanted. The first of equal ones; a
/// NaN is more extreme than any number.
Kernel extreme(KernelContext& k) {
  using Kind = Reduce::Kind;
  const Axes axes(k, k.in(0));
  const Kind kind = k.op<Reduce>().kind;
  const bool largest = kind == Kind::max || kind == Kind::argmax;
  const int value = kind == Kind::min || kind == Kind::max ? 0 : -1;
  const Dim size = axes.images * axes.y_size;
  k.scratch_bytes = size * sizeof(Dim);
  return [axes, largest, value, size, has_value = value == 0 && k.has_out(0),
          has_position = k.has_out(value + 1)](const Launch& l) {
    const auto* x = l.in<double>(0);
    auto* best = static_cast<Dim*>(l.scratch);  // the element of x that y is, so far
    std::fill_n(best, size, Dim{-1});
    axes.each([&](Dim xi, Dim yi, Dim position) {
      Dim& b = best[yi];
      const bool more = b < 0 || (largest ? x[xi] > x[b] : x[xi] < x[b]) ||
                        (std::isnan(x[xi]) && !std::isnan(x[b]));
      if (!more) return;
      b = xi;
      if (has_value) l.out<double>(0)[yi] = x[xi];
      if (has_position) l.out<std::int32_t>(value + 1)[yi] = static_cast<std::int32_t>(position);
    });
  };
}

// in: dy, position.  out: dx
Kernel extreme_gradient(KernelContext& k) {
  return [axes = Axes(k, k.out(0))](const Launch& l) {
    axes.each([&](Dim xi, Dim yi, Dim position) {
      l.out<double>(0)[xi] = l.in<std::int32_t>(1)[yi] == position ? l.in<double>(0)[yi] : 0;
    });
  };
}

Kernel forward(KernelContext& k) {
  const auto kind = k.op<Reduce>().kind;
  return kind == Reduce::Kind::sum || kind == Reduce::Kind::mean ? total(k) : extreme(k);
}

Kernel gradient(KernelContext& k) {
  const auto kind = k.op<Reduce>().kind;
  return kind == Reduce::Kind::sum || kind == Reduce::Kind::mean ? total_gradient(k)
                                                                 : extreme_gradient(k);
}

}  // namespace

KernelPair reduce_kernels() { return {forward, gradient}; }

}  // namespace mpsnn::reference
