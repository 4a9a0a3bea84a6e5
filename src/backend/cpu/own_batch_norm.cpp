#include <cmath>

#include "backend/cpu/batch_norm.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

constexpr std::size_t lanes = 16;  // channels at once, their sums in registers

/// Rows [0, rows) of channels [0, n) of an array with `stride` channels.
struct Block {
  std::size_t rows, stride, n;
};

MPSNN_SIMD void mean_of(const float* x, const Block b, float* mean) {
  double sum[lanes] = {};
  for (std::size_t r = 0; r < b.rows; ++r) {
#pragma omp simd
    for (std::size_t c = 0; c < b.n; ++c) sum[c] += x[r * b.stride + c];
  }
  for (std::size_t c = 0; c < b.n; ++c) mean[c] = static_cast<float>(sum[c] / b.rows);
}

MPSNN_SIMD void variance_of(const float* x, const float* mean, const Block b, float* variance) {
  double sum[lanes] = {};
  for (std::size_t r = 0; r < b.rows; ++r) {
#pragma omp simd
    for (std::size_t c = 0; c < b.n; ++c) {
      const double d = x[r * b.stride + c] - mean[c];
      sum[c] += d * d;
    }
  }
  for (std::size_t c = 0; c < b.n; ++c) variance[c] = static_cast<float>(sum[c] / b.rows);
}

MPSNN_SIMD void normalize(const float* x, const float* scale, const float* shift, bool relu,
                          const Block b, float* y, std::size_t y_row, std::uint8_t* mask) {
  const float least = relu ? 0 : -INFINITY;
  for (std::size_t r = 0; r < b.rows; ++r) {
    const std::size_t at = r * b.stride, to = r * y_row;
#pragma omp simd
    for (std::size_t c = 0; c < b.n; ++c) {
      const float value = x[at + c] * scale[c] + shift[c];
      y[to + c] = value < least ? least : value;
    }
    if (!mask) continue;
    for (std::size_t c = 0; c < b.n; ++c) mask[at + c] = y[to + c] > 0;
  }
}

/// Sums over the rows of g and of g * (x - mean), with g what of dy the neuron let through.
MPSNN_SIMD void gradient_sums(const NormGradient& d, const Block b, float* sum_g, float* sum_gx) {
  double g_total[lanes] = {}, gx_total[lanes] = {};
  for (std::size_t r = 0; r < b.rows; ++r) {
    const std::size_t at = r * b.stride, from = r * d.dy_row;
#pragma omp simd
    for (std::size_t c = 0; c < b.n; ++c) {
      const double g = d.mask && !d.mask[at + c] ? 0 : d.dy[from + c];
      g_total[c] += g;
      gx_total[c] += g * (d.x[at + c] - d.mean[c]);
    }
  }
  for (std::size_t c = 0; c < b.n; ++c) {
    sum_g[c] = static_cast<float>(g_total[c]);
    sum_gx[c] = static_cast<float>(gx_total[c]);
  }
}

/// dx = scale * (g - sum_g / rows - (x - mean) * slope)
MPSNN_SIMD void gradient_rows(const NormGradient& d, const Block b, const float* scale,
                              const float* mean_g, const float* slope) {
  for (std::size_t r = 0; r < b.rows; ++r) {
    const std::size_t at = r * b.stride, from = r * d.dy_row;
#pragma omp simd
    for (std::size_t c = 0; c < b.n; ++c) {
      const float g = d.mask && !d.mask[at + c] ? 0 : d.dy[from + c];
      d.dx[at + c] = scale[c] * (g - mean_g[c] - (d.x[at + c] - d.mean[c]) * slope[c]);
    }
  }
}

template <class T>
T* at(T* data, std::size_t c) {
  return data ? data + c : nullptr;
}

void forward_block(const NormSizes& s, const NormForward& d, std::size_t c, Block b, int images) {
  b.rows = images * s.rows_per_image;
  mean_of(d.x + c, b, d.mean + c);
  variance_of(d.x + c, d.mean + c, b, d.variance + c);
  float scale[lanes], shift[lanes];
  for (std::size_t i = 0; i < b.n; ++i) {
    scale[i] = d.gamma[c + i] / std::sqrt(d.variance[c + i] + s.epsilon);
    shift[i] = d.beta[c + i] - d.mean[c + i] * scale[i];
  }
  b.rows = s.batch * s.rows_per_image;
  normalize(d.x + c, scale, shift, s.relu, b, d.y + c, d.y_row, at(d.mask, c));
}

void gradient_block(const NormSizes& s, const NormGradient& whole, std::size_t c, Block b) {
  const NormGradient d = {whole.dy + c,    whole.x + c,         whole.gamma + c,
                          whole.mean + c,  whole.variance + c,  at(whole.mask, c),
                          at(whole.dx, c), at(whole.dgamma, c), at(whole.dbeta, c),
                          whole.dy_row};
  float sum_g[lanes], sum_gx[lanes], scale[lanes], mean_g[lanes], slope[lanes];
  gradient_sums(d, b, sum_g, sum_gx);
  const float rows = static_cast<float>(b.rows);
  for (std::size_t i = 0; i < b.n; ++i) {
    const float inverse = 1 / std::sqrt(d.variance[i] + s.epsilon);
    if (d.dgamma) d.dgamma[i] = sum_gx[i] * inverse;
    if (d.dbeta) d.dbeta[i] = sum_g[i];
    scale[i] = d.gamma[i] * inverse;
    mean_g[i] = sum_g[i] / rows;
    slope[i] = sum_gx[i] / rows * inverse * inverse;
  }
  if (d.dx) gradient_rows(d, b, scale, mean_g, slope);
}

template <class F>
void each_block(const NormSizes& s, std::size_t rows, const F& f) {
  const std::size_t blocks = (s.channels + lanes - 1) / lanes;
  parallel_for(blocks, rows * lanes, [&](std::size_t begin, std::size_t end) {
    for (std::size_t c = begin * lanes; c < std::min(s.channels, end * lanes); c += lanes)
      f(c, Block{rows, s.channels, std::min(lanes, s.channels - c)});
  });
}

}  // namespace

void own_batch_norm(const NormSizes& s, const NormForward& d, int images) {
  each_block(s, s.batch * s.rows_per_image,
             [&](std::size_t c, const Block& b) { forward_block(s, d, c, b, images); });
}

void own_batch_norm_gradient(const NormSizes& s, const NormGradient& d, int images) {
  const std::size_t rows = images * s.rows_per_image;
  each_block(s, rows, [&](std::size_t c, const Block& b) { gradient_block(s, d, c, b); });
  if (d.dx)
    std::fill(d.dx + rows * s.channels, d.dx + s.batch * s.rows_per_image * s.channels, 0.0f);
}

}  // namespace mpsnn::cpu
