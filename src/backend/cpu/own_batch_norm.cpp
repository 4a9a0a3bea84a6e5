#include <cmath>

#include "backend/cpu/norm_rows.hpp"

namespace mpsnn::cpu {
namespace {

using namespace norm;

/// The mean and the sum of squared deviations of `rows` rows, joined to those of the rows before by
/// the formula of Chan, Golub and LeVeque 1979: one pass over memory.
template <class Number>
void join(std::size_t n, double before, double rows, const Number* mean, const Number* square,
          double* means, double* squares) {
  for (std::size_t c = 0; c < n; ++c) {
    const double delta = mean[c] - means[c], share = rows / (before + rows);
    means[c] += delta * share;
    squares[c] += square[c] + delta * delta * before * share;
  }
}

/// The sum over rows of x, or of (x - mean)^2; in several chains, as an addition waits for the one
/// before it.
template <bool squared, class V, int B, class T>
MPSNN_INLINE void sum_rows(const T* x, std::size_t row, const Block& b, const V (&mean)[B],
                           V (&sum)[B]) {
  constexpr int chains = B < 4 ? 4 / B : 1;
  V part[chains][B] = {}, value;
  std::size_t r = b.first;
  for (; r + chains <= b.last; r += chains) {
    for (int i = 0; i < chains * B; ++i) {
      load(x + (r + i / B) * row + i % B * lanes_of<V>, value);
      if constexpr (squared) value = (value - mean[i % B]) * (value - mean[i % B]);
      part[i / B][i % B] += value;
    }
  }
  for (; r < b.last; ++r) {
    for (int i = 0; i < B; ++i) {
      load(x + r * row + i * lanes_of<V>, value);
      if constexpr (squared) value = (value - mean[i]) * (value - mean[i]);
      part[0][i] += value;
    }
  }
  for (int i = 0; i < B; ++i) {
    sum[i] = part[0][i];
    for (int j = 1; j < chains; ++j) sum[i] += part[j][i];
  }
}

template <class V, int B, class T>
MPSNN_SIMD void statistics(const T* x, std::size_t row, const Block& b, float* mean,
                           float* square) {
  V means[B], squares[B];
  sum_rows<false>(x + b.c, row, b, squares, means);
  for (int i = 0; i < B; ++i) means[i] /= static_cast<float>(b.last - b.first);
  sum_rows<true>(x + b.c, row, b, means, squares);
  for (int i = 0; i < B; ++i) {
    store(means[i], mean + i * lanes_of<V>);
    store(squares[i], square + i * lanes_of<V>);
  }
}

/// The same for fewer channels than a vector has.
template <class T>
void statistics_of_rest(const T* x, std::size_t row, const Block& b, float* mean, float* square) {
  for (std::size_t c = 0; c < b.n; ++c) {
    mean[c] = square[c] = 0;
    for (std::size_t r = b.first; r < b.last; ++r) mean[c] += x[r * row + b.c + c];
    mean[c] /= static_cast<float>(b.last - b.first);
    for (std::size_t r = b.first; r < b.last; ++r) {
      const float d = x[r * row + b.c + c] - mean[c];
      square[c] += d * d;
    }
  }
}

/// Mean and variance of each channel over the first `images`.
template <class T>
void all_statistics(const NormSizes& s, const NormForward<T>& d, std::size_t rows) {
  const Work work(s, rows, d.scratch);
  work.each([&](std::size_t part, const Block& b) {
    float mean[4 * lanes], square[4 * lanes];
    with_lanes([&]<class V>(std::type_identity<V>) {
      with_width<V>(b, [&]<int B>(std::integral_constant<int, B>) {
        if constexpr (B == 0)
          statistics_of_rest(d.x, s.channels, b, mean, square);
        else
          statistics<V, B>(d.x, s.channels, b, mean, square);
      });
    });
    join(b.n, b.first - work.first(part), b.last - b.first, mean, square, work.a(part) + b.c,
         work.b(part) + b.c);
  });
  for (std::size_t part = 1; part < work.parts(); ++part)
    join(s.channels, work.first(part), work.first(part + 1) - work.first(part), work.a(part),
         work.b(part), work.a(0), work.b(0));
  for (std::size_t c = 0; c < s.channels; ++c) {
    d.mean[c] = static_cast<float>(work.a(0)[c]);
    d.variance[c] = static_cast<float>(work.b(0)[c] / rows);
  }
}

template <class V, bool masked, class T>
MPSNN_SIMD void normalize(NormForward<T> d, std::size_t channels, std::size_t begin,
                          std::size_t end, const float* scale, const float* shift, float least) {
  const std::size_t whole = channels / lanes * lanes;
  const V low = V{} + least;
  for (std::size_t r = begin; r < end; ++r) {
    const T* x = d.x + r * channels;
    T* y = d.y + r * d.y_row;
    std::uint8_t* mask = masked ? d.mask + r * d.mask_row : nullptr;
    for (std::size_t c = 0; c < whole; c += lanes_of<V>) {
      V factor, term, value;
      load(scale + c, factor);
      load(shift + c, term);
      load(x + c, value);
      value = value * factor + term;
      if constexpr (masked) store_positive(value, mask + c / 8);
      value = value < low ? low : value;
      store(value, y + c);
    }
    for (std::size_t c = whole; c < channels; ++c) {
      const float value = x[c] * scale[c] + shift[c];
      if constexpr (masked) mask_bits::set(mask, c, value > 0);
      y[c] = value < least ? least : value;
    }
  }
}

}  // namespace

std::size_t own_batch_norm_scratch(const NormSizes& s) { return Work::bytes(s.channels); }

template <class T>
void own_batch_norm(const NormSizes& s, const NormForward<T>& d, int images) {
  all_statistics(s, d, images * s.rows_per_image);
  const Work work(s, 0, d.scratch);
  float *scale = work.factor(0), *shift = work.factor(1);
  for (std::size_t c = 0; c < s.channels; ++c) {
    scale[c] = d.gamma[c] / std::sqrt(d.variance[c] + s.epsilon);
    shift[c] = d.beta[c] - d.mean[c] * scale[c];
  }
  const float least = s.relu ? 0 : -INFINITY;
  parallel_for(s.batch * s.rows_per_image, s.channels, [&](std::size_t begin, std::size_t end) {
    with_lanes([&]<class V>(std::type_identity<V>) {
      (d.mask ? normalize<V, true, T> : normalize<V, false, T>)(d, s.channels, begin, end, scale,
                                                                shift, least);
    });
  });
}

template void own_batch_norm(const NormSizes& s, const NormForward<float>& d, int images);
template void own_batch_norm(const NormSizes& s, const NormForward<BFloat16>& d, int images);
template void own_batch_norm(const NormSizes& s, const NormForward<Float16>& d, int images);

}  // namespace mpsnn::cpu
