#pragma once

#include <type_traits>

#include "backend/cpu/batch_norm.hpp"
#include "backend/cpu/lanes.hpp"
#include "backend/cpu/simd.hpp"

/// How own_batch_norm and its gradient go through a batch: parts of the rows in parallel, with sums
/// of their own, each in chunks, and these in blocks of channels.
namespace mpsnn::cpu::norm {

inline constexpr std::size_t chunk = 64;  // rows whose sums float32 holds well enough; in the cache
inline constexpr std::size_t most_parts = 32;  // of the rows, whatever the number of threads is

/// Rows [first, last) of `n` channels from channel c.
struct Block {
  std::size_t c, n, first, last;
};

/// Calls f(block) for all channels of rows [first, last).
template <class F>
void each_block(std::size_t channels, std::size_t first, std::size_t last, const F& f) {
  for (std::size_t c = 0, n = 0; c < channels; c += n) {
    n = std::min(lanes, channels - c);
    for (std::size_t wide = 2 * lanes; wide <= std::min(channels - c, 4 * lanes); wide *= 2)
      n = wide;
    f(Block{c, n, first, last});
  }
}

/// Calls f with the number of vectors V that a block is wide; 0: it has less than 16 channels.
template <class V, class F>
void with_width(const Block& b, const F& f) {
  constexpr int one = lanes / lanes_of<V>;
  if (b.n == 4 * lanes)
    f(std::integral_constant<int, 4 * one>{});
  else if (b.n == 2 * lanes)
    f(std::integral_constant<int, 2 * one>{});
  else if (b.n == lanes)
    f(std::integral_constant<int, one>{});
  else
    f(std::integral_constant<int, 0>{});
}

/// Where sums and factors are, for each channel.
class Work {
 public:
  Work(const NormSizes& s, std::size_t rows, void* scratch)
      : chunks_((rows + chunk - 1) / chunk),
        rows_(rows),
        channels_(s.channels),
        sums_(static_cast<double*>(scratch)) {}

  static std::size_t bytes(std::size_t channels) {
    return channels * (2 * most_parts * sizeof(double) + factors * sizeof(float));
  }
  std::size_t parts() const { return std::min(most_parts, chunks_); }
  std::size_t first(std::size_t part) const {
    return std::min(rows_, chunks_ * part / parts() * chunk);
  }
  /// Of a part of the rows: two sums.
  double* a(std::size_t part) const { return sums_ + 2 * part * channels_; }
  double* b(std::size_t part) const { return a(part) + channels_; }
  float* factor(std::size_t i) const {
    return reinterpret_cast<float*>(a(most_parts)) + i * channels_;
  }
  /// Calls f(part, block) for every chunk of the rows, the parts in parallel, and each in order.
  template <class F>
  void each(const F& f) const {
    parallel_for(parts(), rows_ * channels_ / parts(), [&](std::size_t begin, std::size_t end) {
      for (std::size_t part = begin; part < end; ++part) {
        std::fill_n(a(part), 2 * channels_, 0.0);
        for (std::size_t r = first(part); r < first(part + 1); r += chunk)
          each_block(channels_, r, std::min(rows_, r + chunk),
                     [&](const Block& block) { f(part, block); });
      }
    });
  }

 private:
  static constexpr std::size_t factors = 3;
  std::size_t chunks_, rows_, channels_;
  double* sums_;
};

}  // namespace mpsnn::cpu::norm
