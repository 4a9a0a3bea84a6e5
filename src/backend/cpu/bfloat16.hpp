#pragma once

#include <bit>
#include <cstdint>

#include "backend/cpu/float16.hpp"
#include "backend/cpu/lanes.hpp"
#include "mpsnn/shape.hpp"

namespace mpsnn::cpu {

/// The upper half of a float, rounded to nearest, ties to even. Loops over it are written as over
/// float; the compiler makes vectors of the conversions, given an assignment that copies no struct.
struct BFloat16 {
  std::uint16_t bits = 0;

  BFloat16() = default;
  MPSNN_INLINE BFloat16(float x) : bits(round(x)) {}  // implicit, as between the language's floats
  MPSNN_INLINE BFloat16& operator=(float x) {
    bits = round(x);
    return *this;
  }
  MPSNN_INLINE operator float() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }

 private:
  MPSNN_INLINE static std::uint16_t round(float x) {
    const auto u = std::bit_cast<std::uint32_t>(x);
    const std::uint32_t rounded = (u + 0x7FFF + ((u >> 16) & 1)) >> 16;
    const std::uint32_t quiet = (u >> 16) | 0x40;
    return static_cast<std::uint16_t>((u & 0x7FFFFFFF) > 0x7F800000 ? quiet : rounded);
  }
};

template <class V>
MPSNN_INLINE void load(const BFloat16* from, V& to) {
  HalvesOf<V> bits;
  std::memcpy(&bits, from, sizeof bits);
  WordsOf<V> words;
  widen<V, true>(bits, words);
  std::memcpy(&to, &words, sizeof to);
}

template <class V>
MPSNN_INLINE void store(const V& from, BFloat16* to) {
  WordsOf<V> u;
  std::memcpy(&u, &from, sizeof u);
  const WordsOf<V> rounded = (u + 0x7FFF + ((u >> 16) & 1)) >> 16;
  const WordsOf<V> quiet = (u >> 16) | 0x40;
  const HalvesOf<V> bits = __builtin_convertvector(from != from ? quiet : rounded, HalvesOf<V>);
  std::memcpy(static_cast<void*>(to), &bits, sizeof bits);
}

/// y = x, n numbers, one thread.
void convert(const float* x, BFloat16* y, std::size_t n);
void convert(const BFloat16* x, float* y, std::size_t n);

/// Calls f(T{}) with T float, BFloat16 or Float16.
template <class F>
auto with_float(DType dtype, const F& f) {
  if (dtype == DType::bfloat16) return f(BFloat16{});
  if (dtype == DType::float16) return f(Float16{});
  return f(float{});
}

}  // namespace mpsnn::cpu
