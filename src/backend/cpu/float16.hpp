#pragma once

#include <bit>
#include <cstdint>

#include "backend/cpu/lanes.hpp"

namespace mpsnn::cpu {

/// An IEEE half, rounded to nearest, ties to even: infinity from 65520 on, subnormals down to
/// 2^-24. By integers, as the compilers of baseline x86-64 have no such type; loops over it are
/// written as over float, and become vectors (see BFloat16).
struct Float16 {
  std::uint16_t bits = 0;

  Float16() = default;
  MPSNN_INLINE Float16(float x) : bits(round(x)) {}  // implicit, as between the language's floats
  MPSNN_INLINE Float16& operator=(float x) {
    bits = round(x);
    return *this;
  }
  MPSNN_INLINE operator float() const {
    const std::uint32_t size = (bits & 0x7FFFu) << 13, sign = (bits & 0x8000u) << 16;
    // The product moves the exponent, and makes normal numbers of subnormal ones.
    const auto finite = std::bit_cast<std::uint32_t>(std::bit_cast<float>(size) * 0x1p112f);
    return std::bit_cast<float>((size >= 0x0F800000 ? size | 0x7F800000 : finite) | sign);
  }

 private:
  MPSNN_INLINE static std::uint16_t round(float x) {
    const auto u = std::bit_cast<std::uint32_t>(x);
    const std::uint32_t size = u & 0x7FFFFFFF, sign = u >> 16 & 0x8000;
    // The exponent moves by 112; what is cut off rounds, up to infinity.
    const std::uint32_t normal = (size - 0x38000000 + 0xFFF + (size >> 13 & 1)) >> 13;
    // Beside 0.5, floats are as far apart as subnormal halves are.
    const std::uint32_t small = std::bit_cast<std::uint32_t>(std::bit_cast<float>(size) + 0.5f);
    const std::uint32_t finite = size < 0x38800000 ? small - 0x3F000000 : normal;
    const std::uint32_t other = size > 0x7F800000 ? 0x7E00 : 0x7C00;
    return static_cast<std::uint16_t>((size >= 0x47800000 ? other : finite) | sign);
  }
};

template <class V>
MPSNN_INLINE void load(const Float16* from, V& to) {
  HalvesOf<V> bits;
  std::memcpy(&bits, from, sizeof bits);
  WordsOf<V> wide;
  widen<V, false>(bits, wide);
  const WordsOf<V> size = (wide & 0x7FFF) << 13, sign = (wide & 0x8000) << 16;
  V moved;
  std::memcpy(&moved, &size, sizeof moved);
  moved *= 0x1p112f;
  WordsOf<V> finite;
  std::memcpy(&finite, &moved, sizeof finite);
  const WordsOf<V> all = (size >= 0x0F800000 ? size | 0x7F800000 : finite) | sign;
  std::memcpy(&to, &all, sizeof to);
}

template <class V>
MPSNN_INLINE void store(const V& from, Float16* to) {
  WordsOf<V> u;
  std::memcpy(&u, &from, sizeof u);
  const WordsOf<V> size = u & 0x7FFFFFFF, sign = u >> 16 & 0x8000;
  const WordsOf<V> normal = (size - 0x38000000 + 0xFFF + (size >> 13 & 1)) >> 13;
  V beside;
  std::memcpy(&beside, &size, sizeof beside);
  beside += 0.5f;
  WordsOf<V> small;
  std::memcpy(&small, &beside, sizeof small);
  const WordsOf<V> finite = size < 0x38800000 ? small - 0x3F000000 : normal;
  const WordsOf<V> other = size > 0x7F800000 ? WordsOf<V>{} + 0x7E00 : WordsOf<V>{} + 0x7C00;
  const WordsOf<V> all = (size >= 0x47800000 ? other : finite) | sign;
  const HalvesOf<V> bits = __builtin_convertvector(all, HalvesOf<V>);
  std::memcpy(static_cast<void*>(to), &bits, sizeof bits);
}

/// y = x, n numbers, one thread.
void convert(const float* x, Float16* y, std::size_t n);
void convert(const Float16* x, float* y, std::size_t n);

}  // namespace mpsnn::cpu
