#include <cmath>

#include "backend/reference/kernels.hpp"
#include "ops/mask_bits.hpp"

namespace mpsnn::reference {
namespace {

/// A batch as rows of C channels: one row per pixel of an image.
struct Norm {
  Dim C, rows_per_image, batch;
  double epsilon;
  bool relu;

  Norm(const Shape& x, int batch_, const BatchNorm& op)
      : C(x[x.rank() - 1]),
        rows_per_image(x.size() / C),
        batch(batch_),
        epsilon(op.epsilon),
        relu(op.activation.has_value()) {}

  Dim size(Dim images) const { return images * rows_per_image * C; }
  /// The row of the mask that has element e.
  template <class Byte>
  Byte* mask_row(Byte* mask, Dim e) const {
    return mask + e / C * mask_bits::row_bytes(C);
  }
  double deviation(double variance) const { return std::sqrt(variance + epsilon); }

  /// Per channel, the mean over `images` of f(element).
  template <class F>
  std::vector<double> mean(Dim images, F f) const {
    std::vector<double> out(C);
    for (Dim e = 0; e < size(images); ++e) out[e % C] += f(e);
    for (double& m : out) m /= static_cast<double>(images * rows_per_image);
    return out;
  }

  /// in: x, gamma, beta.  out: y, and where it is wanted the mask of y > 0
  void normalize(const Launch& l, const double* mean, const double* variance,
                 std::uint8_t* mask) const {
    const auto *x = l.in<double>(0), *gamma = l.in<double>(1), *beta = l.in<double>(2);
    for (Dim e = 0; e < size(batch); ++e) {
      const Dim c = e % C;
      const double y = (x[e] - mean[c]) / deviation(variance[c]) * gamma[c] + beta[c];
      l.out<double>(0)[e] = relu ? std::max(y, 0.0) : y;
      if (mask) mask_bits::set(mask_row(mask, e), c, y > 0);
    }
  }
};

Kernel inference(const Norm& norm) {
  return [norm](const Launch& l) { norm.normalize(l, l.in<double>(3), l.in<double>(4), nullptr); };
}

/// Normalizes every image by the statistics of the real ones.
Kernel forward(KernelContext& k) {
  const Norm norm(k.in(0), k.batch, k.op<BatchNorm>());
  if (!k.op<BatchNorm>().training) return inference(norm);
  return [norm, has_mask = k.has_out(3)](const Launch& l) {
    const auto* x = l.in<double>(0);
    const auto mean = norm.mean(l.run.images, [&](Dim e) { return x[e]; });
    const auto variance = norm.mean(l.run.images, [&](Dim e) {
      const double d = x[e] - mean[e % norm.C];
      return d * d;
    });
    norm.normalize(l, mean.data(), variance.data(), has_mask ? l.out<std::uint8_t>(3) : nullptr);
    if (double* out = wanted(l, 1)) std::ranges::copy(mean, out);
    if (double* out = wanted(l, 2)) std::ranges::copy(variance, out);
  };
}

// in: dy, x, gamma, mean, variance.  out: dx, dgamma, dbeta, with statistics that are constants.
Kernel frozen_gradient(KernelContext& k) {
  const Norm norm(k.in(1), k.batch, k.op<BatchNorm>());
  return [norm](const Launch& l) {
    const auto *dy = l.in<double>(0), *x = l.in<double>(1), *gamma = l.in<double>(2);
    const auto *mean = l.in<double>(3), *variance = l.in<double>(4);
    double *dx = wanted(l, 0), *dgamma = wanted(l, 1), *dbeta = wanted(l, 2);
    clear(dgamma, norm.C);
    clear(dbeta, norm.C);
    for (Dim e = 0; e < norm.size(norm.batch); ++e) {
      const Dim c = e % norm.C;
      const double deviation = norm.deviation(variance[c]);
      if (dx) dx[e] = dy[e] * gamma[c] / deviation;
      if (dgamma) dgamma[c] += dy[e] * (x[e] - mean[c]) / deviation;
      if (dbeta) dbeta[c] += dy[e];
    }
  };
}

// in: dy, x, gamma, mean, variance, mask.  out: dx, dgamma, dbeta.
// With g the gradient of y before the neuron and z = (x - mean) / deviation:
//   dx = gamma / deviation * (g - mean(g) - z * mean(g * z)), over the real images.
Kernel gradient(KernelContext& k) {
  if (!k.op<BatchNorm>().training) return frozen_gradient(k);
  const Norm norm(k.in(1), k.batch, k.op<BatchNorm>());
  return [norm](const Launch& l) {
    const auto *dy = l.in<double>(0), *x = l.in<double>(1), *gamma = l.in<double>(2);
    const auto *mean = l.in<double>(3), *variance = l.in<double>(4);
    const auto* mask = norm.relu ? l.in<std::uint8_t>(5) : nullptr;
    const Dim C = norm.C, images = l.run.images;
    const auto g = [&](Dim e) {
      return !mask || mask_bits::get(norm.mask_row(mask, e), e % C) ? dy[e] : 0.0;
    };
    const auto z = [&](Dim e) { return (x[e] - mean[e % C]) / norm.deviation(variance[e % C]); };
    const auto mean_g = norm.mean(images, g);
    const auto mean_gz = norm.mean(images, [&](Dim e) { return g(e) * z(e); });

    double *dx = wanted(l, 0), *dgamma = wanted(l, 1), *dbeta = wanted(l, 2);
    clear(dx, norm.size(norm.batch));
    for (Dim e = 0; dx && e < norm.size(images); ++e) {
      const Dim c = e % C;
      dx[e] = gamma[c] / norm.deviation(variance[c]) * (g(e) - mean_g[c] - z(e) * mean_gz[c]);
    }
    const auto rows = static_cast<double>(images * norm.rows_per_image);
    for (Dim c = 0; c < C; ++c) {
      if (dgamma) dgamma[c] = mean_gz[c] * rows;
      if (dbeta) dbeta[c] = mean_g[c] * rows;
    }
  };
}

}  // namespace

KernelPair batch_norm_kernels() { return {forward, gradient}; }

}  // namespace mpsnn::reference
