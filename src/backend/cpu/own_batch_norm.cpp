#include <cmath>

#include "backend/cpu/batch_norm.hpp"
#include "backend/cpu/lanes.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

constexpr std::size_t group = 8;   // blocks of so many channels, which a thread does together
constexpr std::size_t chunk = 64;  // rows whose sums float32 holds well enough; in the cache

/// Rows [first, last) of `n` channels from channel c.
struct Block {
  std::size_t c, n, first, last;
};

/// Per channel of a group, over the chunks so far.
struct Totals {
  double a[group * lanes] = {}, b[group * lanes] = {};
};

/// A block's mean and sum of squared deviations, joined to those of the chunks before by the
/// formula of Chan, Golub and LeVeque 1979: one pass over memory.
void join(const Block& b, const float* sum, const float* square, double* means, double* squares) {
  const double before = b.first, all = b.last, rows = b.last - b.first;
  for (std::size_t c = 0; c < b.n; ++c) {
    const double delta = sum[c] - means[c];
    means[c] += delta * rows / all;
    squares[c] += square[c] + delta * delta * before * rows / all;
  }
}

template <class T>
MPSNN_SIMD void add_statistics(const T* x, std::size_t row, const Block& b, double* means,
                               double* squares) {
  Floats sum = {}, square = {}, value;
  for (std::size_t r = b.first; r < b.last; ++r) {
    load(x + r * row, value);
    sum += value;
  }
  sum /= static_cast<float>(b.last - b.first);
  for (std::size_t r = b.first; r < b.last; ++r) {
    load(x + r * row, value);
    value -= sum;
    square += value * value;
  }
  float s[lanes], q[lanes];
  store(sum, s);
  store(square, q);
  join(b, s, q, means, squares);
}

/// The same for fewer channels than a vector has.
template <class T>
void add_statistics_of_rest(const T* x, std::size_t row, const Block& b, double* means,
                            double* squares) {
  float sum[lanes] = {}, square[lanes] = {};
  for (std::size_t c = 0; c < b.n; ++c) {
    for (std::size_t r = b.first; r < b.last; ++r) sum[c] += x[r * row + c];
    sum[c] /= static_cast<float>(b.last - b.first);
    for (std::size_t r = b.first; r < b.last; ++r) {
      const float d = x[r * row + c] - sum[c];
      square[c] += d * d;
    }
  }
  join(b, sum, square, means, squares);
}

template <bool masked, class T>
MPSNN_SIMD void normalize(const NormForward<T>& d, std::size_t row, const Block& b,
                          const float* scale, const float* shift, float least) {
  Floats factor, term, value;
  load(scale, factor);
  load(shift, term);
  const Floats low = Floats{} + least;
  const T* x = d.x + b.c;
  T* y = d.y + b.c;
  std::uint8_t* mask = masked ? d.mask + b.c : nullptr;
  for (std::size_t r = b.first; r < b.last; ++r) {
    load(x + r * row, value);
    value = value * factor + term;
    if constexpr (masked) store_positive(value, mask + r * row);
    value = value < low ? low : value;
    store(value, y + r * d.y_row);
  }
}

template <class T>
void normalize_rest(const NormForward<T>& d, std::size_t row, const Block& b, const float* scale,
                    const float* shift, float least) {
  for (std::size_t r = b.first; r < b.last; ++r) {
    for (std::size_t c = 0; c < b.n; ++c) {
      const std::size_t at = r * row + b.c + c;
      const float value = d.x[at] * scale[c] + shift[c];
      d.y[r * d.y_row + b.c + c] = value < least ? least : value;
      if (d.mask) d.mask[at] = value > 0;
    }
  }
}

/// Sums of g and of g * (x - mean), with g what of dy the neuron let through.
template <bool masked, class T>
MPSNN_SIMD void add_gradients(const NormGradient<T>& d, std::size_t row, const Block& b,
                              double* sum_g, double* sum_gx) {
  Floats mean, g, x, g_sum = {}, gx_sum = {};
  load(d.mean + b.c, mean);
  for (std::size_t r = b.first; r < b.last; ++r) {
    load(d.dy + r * d.dy_row + b.c, g);
    load(d.x + r * row + b.c, x);
    if constexpr (masked) keep_where(d.mask + r * row + b.c, g);
    g_sum += g;
    gx_sum += g * (x - mean);
  }
  for (std::size_t c = 0; c < lanes; ++c) {
    sum_g[c] += g_sum[c];
    sum_gx[c] += gx_sum[c];
  }
}

/// What of dy the neuron let through, at one element.
template <class T>
float through(const NormGradient<T>& d, std::size_t row, std::size_t r, std::size_t c) {
  return d.mask && !d.mask[r * row + c] ? 0 : float{d.dy[r * d.dy_row + c]};
}

template <class T>
void add_gradients_of_rest(const NormGradient<T>& d, std::size_t row, const Block& b, double* sum_g,
                           double* sum_gx) {
  for (std::size_t r = b.first; r < b.last; ++r) {
    for (std::size_t c = b.c; c < b.c + b.n; ++c) {
      const float g = through(d, row, r, c);
      sum_g[c - b.c] += g;
      sum_gx[c - b.c] += g * (d.x[r * row + c] - d.mean[c]);
    }
  }
}

/// dx = scale * (g - mean_g - (x - mean) * slope)
template <bool masked, class T>
MPSNN_SIMD void gradient_rows(const NormGradient<T>& d, std::size_t row, const Block& b,
                              const float* scale, const float* mean_g, const float* slope) {
  Floats mean, factor, shift, steep, g, x;
  load(d.mean + b.c, mean);
  load(scale, factor);
  load(mean_g, shift);
  load(slope, steep);
  for (std::size_t r = b.first; r < b.last; ++r) {
    load(d.dy + r * d.dy_row + b.c, g);
    load(d.x + r * row + b.c, x);
    if constexpr (masked) keep_where(d.mask + r * row + b.c, g);
    g = factor * (g - shift - (x - mean) * steep);
    store(g, d.dx + r * row + b.c);
  }
}

template <class T>
void gradient_rows_of_rest(const NormGradient<T>& d, std::size_t row, const Block& b,
                           const float* scale, const float* mean_g, const float* slope) {
  for (std::size_t r = b.first; r < b.last; ++r) {
    for (std::size_t c = b.c; c < b.c + b.n; ++c) {
      const std::size_t i = c - b.c, at = r * row + c;
      d.dx[at] = scale[i] * (through(d, row, r, c) - mean_g[i] - (d.x[at] - d.mean[c]) * slope[i]);
    }
  }
}

/// Calls f(block, place of its first channel in the group) for channels [begin, end), chunk by
/// chunk of the rows.
template <class F>
void each_block(std::size_t begin, std::size_t end, std::size_t rows, const F& f) {
  for (std::size_t first = 0; first < rows; first += chunk) {
    for (std::size_t c = begin; c < end; c += lanes)
      f(Block{c, std::min(lanes, end - c), first, std::min(rows, first + chunk)}, c - begin);
  }
}

template <bool masked, class T>
void forward_group(const NormSizes& s, const NormForward<T>& d, std::size_t begin, std::size_t end,
                   int images) {
  Totals total;
  const std::size_t rows = images * s.rows_per_image;
  each_block(begin, end, rows, [&](const Block& b, std::size_t at) {
    (b.n == lanes ? add_statistics<T> : add_statistics_of_rest<T>)(d.x + b.c, s.channels, b,
                                                                   total.a + at, total.b + at);
  });
  float scale[group * lanes], shift[group * lanes];
  for (std::size_t c = begin; c < end; ++c) {
    const std::size_t at = c - begin;
    d.mean[c] = static_cast<float>(total.a[at]);
    d.variance[c] = static_cast<float>(total.b[at] / rows);
    scale[at] = d.gamma[c] / std::sqrt(d.variance[c] + s.epsilon);
    shift[at] = d.beta[c] - d.mean[c] * scale[at];
  }
  const float least = s.relu ? 0 : -INFINITY;
  each_block(begin, end, s.batch * s.rows_per_image, [&](const Block& b, std::size_t at) {
    (b.n == lanes ? normalize<masked, T> : normalize_rest<T>)(d, s.channels, b, scale + at,
                                                              shift + at, least);
  });
}

template <bool masked, class T>
void gradient_group(const NormSizes& s, const NormGradient<T>& d, std::size_t begin,
                    std::size_t end, std::size_t rows) {
  Totals total;
  each_block(begin, end, rows, [&](const Block& b, std::size_t at) {
    (b.n == lanes ? add_gradients<masked, T>
                  : add_gradients_of_rest<T>)(d, s.channels, b, total.a + at, total.b + at);
  });
  float scale[group * lanes], mean_g[group * lanes], slope[group * lanes];
  for (std::size_t c = begin; c < end; ++c) {
    const std::size_t at = c - begin;
    const float inverse = 1 / std::sqrt(d.variance[c] + s.epsilon);
    if (d.dgamma) d.dgamma[c] = static_cast<float>(total.b[at]) * inverse;
    if (d.dbeta) d.dbeta[c] = static_cast<float>(total.a[at]);
    scale[at] = d.gamma[c] * inverse;
    mean_g[at] = static_cast<float>(total.a[at] / rows);
    slope[at] = static_cast<float>(total.b[at] / rows) * inverse * inverse;
  }
  if (!d.dx) return;
  each_block(begin, end, rows, [&](const Block& b, std::size_t at) {
    (b.n == lanes ? gradient_rows<masked, T> : gradient_rows_of_rest<T>)(d, s.channels, b,
                                                                         scale + at, mean_g + at,
                                                                         slope + at);
  });
}

/// Calls f(begin, end) for groups of channels, the threads' shares as wide as they can be.
template <class F>
void each_group(const NormSizes& s, std::size_t rows, const F& f) {
  const std::size_t blocks = (s.channels + lanes - 1) / lanes;
  parallel_for(blocks, rows * lanes, [&](std::size_t begin, std::size_t end) {
    for (std::size_t b = begin; b < end; b += group)
      f(b * lanes, std::min(s.channels, std::min(end, b + group) * lanes));
  });
}

template <class T>
void forward(const NormSizes& s, const NormForward<T>& d, int images) {
  each_group(s, s.batch * s.rows_per_image, [&](std::size_t begin, std::size_t end) {
    (d.mask ? forward_group<true, T> : forward_group<false, T>)(s, d, begin, end, images);
  });
}

template <class T>
void gradient(const NormSizes& s, const NormGradient<T>& d, int images) {
  const std::size_t rows = images * s.rows_per_image;
  each_group(s, rows, [&](std::size_t begin, std::size_t end) {
    (d.mask ? gradient_group<true, T> : gradient_group<false, T>)(s, d, begin, end, rows);
  });
  if (d.dx)
    std::fill(d.dx + rows * s.channels, d.dx + s.batch * s.rows_per_image * s.channels, T{});
}

}  // namespace

void own_batch_norm(const NormSizes& s, const NormForward<float>& d, int images) {
  forward(s, d, images);
}
void own_batch_norm(const NormSizes& s, const NormForward<BFloat16>& d, int images) {
  forward(s, d, images);
}
void own_batch_norm(const NormSizes& s, const NormForward<Float16>& d, int images) {
  forward(s, d, images);
}

void own_batch_norm_gradient(const NormSizes& s, const NormGradient<float>& d, int images) {
  gradient(s, d, images);
}
void own_batch_norm_gradient(const NormSizes& s, const NormGradient<BFloat16>& d, int images) {
  gradient(s, d, images);
}
void own_batch_norm_gradient(const NormSizes& s, const NormGradient<Float16>& d, int images) {
  gradient(s, d, images);
}

}  // namespace mpsnn::cpu
