#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

/// Sixteen floats at once, for loops that keep sums in registers and that the compiler does
/// not vectorise by itself: GCC's and Clang's vector extension, which becomes one, two or four
/// registers by the instruction set of the function around it (see MPSNN_SIMD). Everything
/// here takes references, because how vectors are passed depends on that too.
namespace mpsnn::cpu {

inline constexpr std::size_t lanes = 16;

using Floats = float __attribute__((vector_size(64)));
/// Eight, for what should stay in registers without AVX-512 too: sixteen of these hold no more than
/// eight `Floats`, which GCC 12 moreover compares one by one there.
using Eight = float __attribute__((vector_size(32)));
template <class V>
inline constexpr std::size_t lanes_of = sizeof(V) / sizeof(float);
using Words = std::uint32_t __attribute__((vector_size(64)));
using EightWords = std::uint32_t __attribute__((vector_size(32)));
using Halves = std::uint16_t __attribute__((vector_size(32)));  ///< Of 16 bits, of some type.
using EightHalves = std::uint16_t __attribute__((vector_size(16)));
template <class V>
using WordsOf = std::conditional_t<lanes_of<V> == 16, Words, EightWords>;
template <class V>
using HalvesOf = std::conditional_t<lanes_of<V> == 16, Halves, EightHalves>;
using Bytes = std::uint8_t __attribute__((vector_size(16)));
using EightBytes = std::uint8_t __attribute__((vector_size(8)));
template <class V>
using BytesOf = std::conditional_t<lanes_of<V> == 16, Bytes, EightBytes>;

#define MPSNN_INLINE inline __attribute__((always_inline))
/// Behind the parameters of a lambda in a function for one instruction set: called on its own, the
/// lambda would be one for the oldest.
#define MPSNN_INLINE_LAMBDA __attribute__((always_inline))

/// Whether the processor has AVX-512, and oneDNN may use it.
bool has_512_bits();

/// Calls f(std::type_identity<V>{}) with the vector V that is best worked with.
template <class F>
auto with_lanes(const F& f) {
  return has_512_bits() ? f(std::type_identity<Floats>{}) : f(std::type_identity<Eight>{});
}

template <class V>
MPSNN_INLINE void load(const float* from, V& to) {
  std::memcpy(&to, from, sizeof to);
}
template <class V>
MPSNN_INLINE void store(const V& from, float* to) {
  std::memcpy(to, &from, sizeof from);
}

/// Whole numbers for the numbers of V, as comparisons give them.
template <class V>
using Ints = std::conditional_t<lanes_of<V> == 16, std::int32_t __attribute__((vector_size(64))),
                                std::int32_t __attribute__((vector_size(32)))>;

/// 16 bits to 32, in the upper or the lower half of which they then are, with zeros in the other:
/// one or two instructions, where GCC 12 makes five of a conversion.
template <class V, bool upper, int... half>
MPSNN_INLINE void widen(const HalvesOf<V>& from, WordsOf<V>& to,
                        std::integer_sequence<int, half...>) {
  constexpr int zero = lanes_of<V>;
  const auto both =
      __builtin_shufflevector(from, HalvesOf<V>{}, (half % 2 == upper ? half / 2 : zero)...);
  std::memcpy(&to, &both, sizeof to);
}
template <class V, bool upper>
MPSNN_INLINE void widen(const HalvesOf<V>& from, WordsOf<V>& to) {
  widen<V, upper>(from, to, std::make_integer_sequence<int, 2 * lanes_of<V>>());
}

template <class V>
MPSNN_INLINE void load_each(const std::int32_t* from, Ints<V>& to) {
  std::memcpy(&to, from, sizeof to);
}
template <class V>
MPSNN_INLINE void store_each(const Ints<V>& from, std::int32_t* to) {
  std::memcpy(to, &from, sizeof from);
}
// Bytes by way of 16 bits: GCC 12 takes the elements of a fourfold step one by one.
template <class V>
MPSNN_INLINE void load_each(const std::uint8_t* from, Ints<V>& to) {
  BytesOf<V> bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  WordsOf<V> words;
  widen<V, false>(__builtin_convertvector(bytes, HalvesOf<V>), words);
  std::memcpy(&to, &words, sizeof to);
}
template <class V>
MPSNN_INLINE void store_each(const Ints<V>& from, std::uint8_t* to) {
  const auto bytes =
      __builtin_convertvector(__builtin_convertvector(from, HalvesOf<V>), BytesOf<V>);
  std::memcpy(to, &bytes, sizeof bytes);
}

/// n numbers, a vector V at a time, n at least one: compute(i, result) reads those from number i
/// on, and write(i, result) writes them, in place too. The last vector may overlap the one before
/// it, so that it is read first and written last.
template <class V, class Result, class Compute, class Write>
MPSNN_INLINE void each_lanes(std::size_t n, const Compute& compute, const Write& write) {
  constexpr std::size_t width = lanes_of<V>;
  Result last, result;
  compute(n - width, last);
  for (std::size_t i = 0; i + width < n; i += width) {
    compute(i, result);
    write(i, result);
  }
  write(n - width, last);
}

/// Exchanges, in each pair of rows that are `distance` apart, squares of that side.
template <int distance, class V, int... lane>
MPSNN_INLINE void exchange(V (&r)[sizeof...(lane)], std::integer_sequence<int, lane...>) {
  constexpr int d = distance, side = sizeof...(lane);
  for (int i = 0; i < side; ++i) {
    if (i & d) continue;
    const V a = r[i], b = r[i + d];
    r[i] = __builtin_shufflevector(a, b, (lane & d ? side + lane - d : lane)...);
    r[i + d] = __builtin_shufflevector(a, b, (lane & d ? side + lane : lane + d)...);
  }
}
/// Transposes 8 x 8 or 16 x 16 numbers of 32 bits by exchanging ever larger squares.
template <class V, std::size_t side>
MPSNN_INLINE void transpose_lanes(V (&r)[side]) {
  static_assert(side == lanes_of<V>);
  constexpr std::make_integer_sequence<int, side> in_order;
  exchange<1>(r, in_order);
  exchange<2>(r, in_order);
  exchange<4>(r, in_order);
  if constexpr (side == 16) exchange<8>(r, in_order);
}

/// A bit for each: 1 where it is positive.
template <class V>
MPSNN_INLINE void store_positive(const V& from, std::uint8_t* to) {
  constexpr int bytes = lanes_of<V> / 8;
  std::uint8_t each[lanes_of<V>];
  store_each<V>(-(from > 0.0f), each);
  std::uint64_t eight[bytes];
  std::memcpy(eight, each, sizeof eight);
  // The lowest bits of eight bytes meet in the highest one.
  for (int i = 0; i < bytes; ++i)
    to[i] = static_cast<std::uint8_t>(eight[i] * 0x0102040810204080 >> 56);
}
/// 0 where the bit is 0.
template <class V>
MPSNN_INLINE void keep_where(const std::uint8_t* mask, V& values) {
  decltype(values > values) bit;  // a vector of whole numbers
  for (std::size_t i = 0; i < lanes_of<V>; ++i) bit[i] = 1 << i;
  int bits = mask[0];
  if constexpr (lanes_of<V> == 16) bits |= mask[1] << 8;
  values = (bit & bits) != 0 ? values : V{};
}

}  // namespace mpsnn::cpu
