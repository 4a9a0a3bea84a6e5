#include <cmath>

#include "backend/reference/kernels.hpp"

namespace mpsnn::reference {
namespace {

/// What is normalized together: one set per group of an image, or per position.
struct Sets {
  Dim size = 0, C = 0, groups = 1;  // elements of an image; channels and their groups
  Dim width = 0;                    // of a set that is a run of elements; 0: a group
  Dim per_image = 1, count = 0;     // sets of an image; elements of a set
  double epsilon = 0;

  Sets(const GroupNorm& op, const Shape& x)
      : size(x.size()),
        C(x[x.rank() - 1]),
        groups(op.groups),
        per_image(groups),
        count(size / groups),
        epsilon(op.epsilon) {}
  Sets(const LayerNorm& op, const Shape& x) : size(x.size()), width(1), epsilon(op.epsilon) {
    for (int i = x.rank() - op.axes; i < x.rank(); ++i) width *= x[i];
    per_image = size / width;
    count = width;
  }
  /// The set that element `e` of the batch is in, and its place in gamma and beta.
  Dim set(Dim e) const {
    if (width) return e / width;
    return e / size * groups + e % C / (C / groups);
  }
  Dim parameter(Dim e) const { return width ? e % width : e % C; }
  Dim parameters() const { return width ? width : C; }

  /// Per set, the mean of f(element).
  template <class F>
  std::vector<double> mean(Dim images, const F& f) const {
    std::vector<double> out(images * per_image);
    for (Dim e = 0; e < images * size; ++e) out[set(e)] += f(e);
    for (double& m : out) m /= static_cast<double>(count);
    return out;
  }
};

// in: x, gamma, beta.  out: y, mean, deviation
template <class Op>
Kernel forward(KernelContext& k) {
  const Sets sets(k.op<Op>(), k.in(0));
  return [sets, N = Dim{k.batch}, scaled = k.has_in(1), shifted = k.has_in(2)](const Launch& l) {
    const auto* x = l.in<double>(0);
    const auto mean = sets.mean(N, [&](Dim e) { return x[e]; });
    auto deviation = sets.mean(N, [&](Dim e) {
      const double d = x[e] - mean[sets.set(e)];
      return d * d;
    });
    for (double& d : deviation) d = std::sqrt(d + sets.epsilon);
    for (Dim e = 0; wanted(l, 0) && e < N * sets.size; ++e) {
      const double z = (x[e] - mean[sets.set(e)]) / deviation[sets.set(e)];
      const double gamma = scaled ? l.in<double>(1)[sets.parameter(e)] : 1;
      l.out<double>(0)[e] = z * gamma + (shifted ? l.in<double>(2)[sets.parameter(e)] : 0);
    }
    if (auto* out = wanted(l, 1)) std::ranges::copy(mean, out);
    if (auto* out = wanted(l, 2)) std::ranges::copy(deviation, out);
  };
}

// in: dy, x, gamma, mean, deviation.  out: dx, dgamma, dbeta.
// With h = dy * gamma and z = (x - mean) / deviation:
//   dx = (h - mean(h) - z * mean(h * z)) / deviation
template <class Op>
Kernel gradient(KernelContext& k) {
  const Sets sets(k.op<Op>(), k.in(1));
  return [sets, N = Dim{k.batch}, scaled = k.has_in(2)](const Launch& l) {
    const auto *dy = l.in<double>(0), *x = l.in<double>(1);
    const auto *mean = l.in<double>(3), *deviation = l.in<double>(4);
    const auto h = [&](Dim e) {
      return scaled ? dy[e] * l.in<double>(2)[sets.parameter(e)] : dy[e];
    };
    const auto z = [&](Dim e) { return (x[e] - mean[sets.set(e)]) / deviation[sets.set(e)]; };
    const auto mean_h = sets.mean(N, h);
    const auto mean_hz = sets.mean(N, [&](Dim e) { return h(e) * z(e); });
    double *dx = wanted(l, 0), *dgamma = wanted(l, 1), *dbeta = wanted(l, 2);
    clear(dgamma, sets.parameters());
    clear(dbeta, sets.parameters());
    for (Dim e = 0; e < N * sets.size; ++e) {
      const Dim s = sets.set(e);
      if (dx) dx[e] = (h(e) - mean_h[s] - z(e) * mean_hz[s]) / deviation[s];
      if (dgamma) dgamma[sets.parameter(e)] += dy[e] * z(e);
      if (dbeta) dbeta[sets.parameter(e)] += dy[e];
    }
  };
}

}  // namespace

KernelPair group_norm_kernels() { return {forward<GroupNorm>, gradient<GroupNorm>}; }

KernelPair layer_norm_kernels() { return {forward<LayerNorm>, gradient<LayerNorm>}; }

}  // namespace mpsnn::reference
