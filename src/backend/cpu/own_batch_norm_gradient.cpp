#include <cmath>

#include "backend/cpu/norm_rows.hpp"

namespace mpsnn::cpu {
namespace {

using namespace norm;

/// Sums over rows of g and of g * (x - mean), with g what of dy the neuron let through.
template <class V, int B, bool masked, class T>
MPSNN_SIMD void sums(NormGradient<T> d, std::size_t row, const Block& b, float* sum_g,
                     float* sum_gx) {
  constexpr int chains = B == 1 ? 2 : 1;  // see sum_rows
  V mean[B], gs[chains][B] = {}, gxs[chains][B] = {}, g, x;
  for (int i = 0; i < B; ++i) load(d.mean + b.c + i * lanes_of<V>, mean[i]);
  const auto add = [&](std::size_t r, V(&to_g)[B], V(&to_gx)[B]) __attribute__((always_inline)) {
    for (int i = 0; i < B; ++i) {
      const std::size_t c = b.c + i * lanes_of<V>;
      load(d.dy + r * d.dy_row + c, g);
      load(d.x + r * row + c, x);
      if constexpr (masked) keep_where(d.mask + r * d.mask_row + c / 8, g);
      to_g[i] += g;
      to_gx[i] += g * (x - mean[i]);
    }
  };
  std::size_t r = b.first;
  for (; r + chains <= b.last; r += chains)
    for (int j = 0; j < chains; ++j) add(r + j, gs[j], gxs[j]);
  for (; r < b.last; ++r) add(r, gs[0], gxs[0]);
  for (int i = 0; i < B; ++i) {
    for (int j = 1; j < chains; ++j) {
      gs[0][i] += gs[j][i];
      gxs[0][i] += gxs[j][i];
    }
    store(gs[0][i], sum_g + i * lanes_of<V>);
    store(gxs[0][i], sum_gx + i * lanes_of<V>);
  }
}

/// What of dy the neuron let through, at one element.
template <class T>
float through(const NormGradient<T>& d, std::size_t r, std::size_t c) {
  const bool kept = !d.mask || mask_bits::get(d.mask + r * d.mask_row, c);
  return kept ? float{d.dy[r * d.dy_row + c]} : 0;
}

/// The same for fewer channels than a vector has.
template <class T>
void sums_of_rest(const NormGradient<T>& d, std::size_t row, const Block& b, float* sum_g,
                  float* sum_gx) {
  std::fill_n(sum_g, b.n, 0.0f);
  std::fill_n(sum_gx, b.n, 0.0f);
  for (std::size_t r = b.first; r < b.last; ++r) {
    for (std::size_t i = 0; i < b.n; ++i) {
      const float g = through(d, r, b.c + i);
      sum_g[i] += g;
      sum_gx[i] += g * (d.x[r * row + b.c + i] - d.mean[b.c + i]);
    }
  }
}

/// dx = scale * (g - mean_g - (x - mean) * slope)
struct Factors {
  const float *scale, *mean_g, *slope;
};

template <class V, bool masked, class T>
MPSNN_SIMD void gradient_rows(NormGradient<T> d, std::size_t channels, std::size_t begin,
                              std::size_t end, const Factors& f) {
  const std::size_t whole = channels / lanes * lanes;
  for (std::size_t r = begin; r < end; ++r) {
    for (std::size_t c = 0; c < whole; c += lanes_of<V>) {
      V mean, scale, shift, slope, g, x;
      load(d.mean + c, mean);
      load(f.scale + c, scale);
      load(f.mean_g + c, shift);
      load(f.slope + c, slope);
      load(d.dy + r * d.dy_row + c, g);
      load(d.x + r * channels + c, x);
      if constexpr (masked) keep_where(d.mask + r * d.mask_row + c / 8, g);
      g = scale * (g - shift - (x - mean) * slope);
      store(g, d.dx + r * channels + c);
    }
    for (std::size_t c = whole; c < channels; ++c)
      d.dx[r * channels + c] = f.scale[c] * (through(d, r, c) - f.mean_g[c] -
                                             (d.x[r * channels + c] - d.mean[c]) * f.slope[c]);
  }
}

/// The two sums of every channel, in part 0.
template <class T>
void all_sums(const NormSizes& s, const NormGradient<T>& d, const Work& work) {
  work.each([&](std::size_t part, const Block& b) {
    float sum_g[4 * lanes], sum_gx[4 * lanes];
    with_lanes([&]<class V>(std::type_identity<V>) {
      with_width<V>(b, [&]<int B>(std::integral_constant<int, B>) {
        if constexpr (B == 0)
          sums_of_rest(d, s.channels, b, sum_g, sum_gx);
        else
          (d.mask ? sums<V, B, true, T> : sums<V, B, false, T>)(d, s.channels, b, sum_g, sum_gx);
      });
    });
    for (std::size_t i = 0; i < b.n; ++i) {
      work.a(part)[b.c + i] += sum_g[i];
      work.b(part)[b.c + i] += sum_gx[i];
    }
  });
  for (std::size_t part = 1; part < work.parts(); ++part) {
    for (std::size_t c = 0; c < s.channels; ++c) {
      work.a(0)[c] += work.a(part)[c];
      work.b(0)[c] += work.b(part)[c];
    }
  }
}

}  // namespace

template <class T>
void own_batch_norm_gradient(const NormSizes& s, const NormGradient<T>& d, int images) {
  const std::size_t rows = images * s.rows_per_image;
  const Work work(s, rows, d.scratch);
  all_sums(s, d, work);
  float *scale = work.factor(0), *mean_g = work.factor(1), *slope = work.factor(2);
  for (std::size_t c = 0; c < s.channels; ++c) {
    const float inverse = 1 / std::sqrt(d.variance[c] + s.epsilon);
    const double sum_g = work.a(0)[c], sum_gx = work.b(0)[c];
    if (d.dgamma) d.dgamma[c] = static_cast<float>(sum_gx) * inverse;
    if (d.dbeta) d.dbeta[c] = static_cast<float>(sum_g);
    scale[c] = d.gamma[c] * inverse;
    mean_g[c] = static_cast<float>(sum_g / rows);
    slope[c] = static_cast<float>(sum_gx / rows) * inverse * inverse;
  }
  if (!d.dx) return;
  parallel_for(rows, s.channels, [&](std::size_t begin, std::size_t end) {
    with_lanes([&]<class V>(std::type_identity<V>) {
      (d.mask ? gradient_rows<V, true, T> : gradient_rows<V, false, T>)(d, s.channels, begin, end,
                                                                        {scale, mean_g, slope});
    });
  });
  std::fill(d.dx + rows * s.channels, d.dx + s.batch * s.rows_per_image * s.channels, T{});
}

template void own_batch_norm_gradient(const NormSizes& s, const NormGradient<float>& d, int images);
template void own_batch_norm_gradient(const NormSizes& s, const NormGradient<BFloat16>& d,
                                      int images);
template void own_batch_norm_gradient(const NormSizes& s, const NormGradient<Float16>& d,
                                      int images);

}  // namespace mpsnn::cpu
