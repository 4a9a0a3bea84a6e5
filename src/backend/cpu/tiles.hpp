#pragma once

#include <cstdint>
#include <utility>

#include "backend/cpu/bfloat16.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// The tile registers of AMX: eight matrices of 16 rows of 64 bytes. One instruction adds to 16 x
/// 16 floats the product of 16 rows of 32 bfloat16 and 16 rows of 16 pairs of them. Intel's
/// "Architecture Instruction Set Extensions Programming Reference", chapter on AMX.
namespace mpsnn::cpu::tiles {

#if defined(__x86_64__) && defined(__linux__) && (__GNUC__ >= 12 || __clang_major__ >= 12)
#define MPSNN_TILES \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,amx-tile,amx-bf16")))
#define MPSNN_HAS_TILES 1
#else
#define MPSNN_TILES
#define MPSNN_HAS_TILES 0
#endif

inline constexpr int side = 16;    // rows and columns of a product
inline constexpr int depth = 32;   // numbers that one instruction sums over
inline constexpr int words = 256;  // of 32 bits, in a tile

/// Whether this build and processor have them and the system lets this process use them.
bool available();
/// Whether what is below can be used: with the registers, or with AVX512-BF16, whose products of
/// pairs then take their place.
bool usable();
/// Of an implementation that uses it.
const char* name();

/// Between its construction and its end this thread's registers hold tiles of the largest size.
class Configured {
 public:
  Configured();
  ~Configured();
  Configured(const Configured&) = delete;
  Configured& operator=(const Configured&) = delete;
};

/// An operand on the left: 32 numbers of each of its rows at a time, as one tile in memory.
struct Left {
  const std::uint32_t* data;
  const std::size_t* steps;  ///< Where in `data` the tile of each step lies, in words.
  std::size_t stride;        ///< In words, from there to the tile of the next 16 rows.
  int rows;                  ///< In tiles: 1 or 2.
};
/// An operand on the right: 16 pairs of 32 columns at a time, one step behind the other.
struct Right {
  const std::uint32_t* data;
  int columns;  ///< In tiles: 1 or 2.
};

/// Up to 32 x 32 floats.
struct Square {
  float* data;
  std::size_t stride;  ///< In floats, from one row to the next.
};

/// What is read next: 32 floats for each row of a product and each of its steps. `row` and `step`
/// are the distances between them.
struct Ahead {
  const float* data = nullptr;
  std::size_t row = 0, step = 0;
};

/// to = left * right over `steps` times 32 numbers, plus `from` if it has data. Whole tiles are
/// read and written. Without the registers, it meanwhile brings what is `ahead` into the cache.
void multiply(const Left& left, const Right& right, std::size_t steps, const Square& from,
              const Square& to, const Ahead& ahead = {});

/// Tiles of a left operand, one behind the other, from 16 rows of 32 floats each, `stride` apart.
void round_left(const float* from, std::size_t stride, std::size_t steps, std::uint32_t* to);
/// A step of right operands from 32 rows of floats; those of 32 columns are `block_stride` apart.
void round_right(const float* from, std::size_t stride, std::size_t columns, std::uint32_t* to,
                 std::size_t block_stride);
#if MPSNN_HAS_TILES
/// A mask for intrinsics whose form without one warns of its own undefined operand in GCC 12.
inline constexpr __mmask16 all_lanes = 0xFFFF;

/// Sixteen numbers, each in the lower half of a word.
MPSNN_TILES inline void widen(const BFloat16* from, Words& to) {
  const void* at = from;
  const __m512i words =
      _mm512_maskz_cvtepu16_epi32(all_lanes, _mm256_loadu_si256(static_cast<const __m256i*>(at)));
  std::memcpy(&to, &words, sizeof to);
}
/// Sixteen times the numbers of a and b side by side.
MPSNN_TILES inline void pair_up(const BFloat16* a, const BFloat16* b, Words& to) {
  Words low, high;
  widen(a, low);
  widen(b, high);
  to = low | high << 16;
}
#else
inline void pair_up(const BFloat16*, const BFloat16*, Words&) {}
#endif

/// Transposes 16 x 16 words, rows `stride` words apart.
void transpose(const std::uint32_t* from, std::size_t stride, std::uint32_t* to,
               std::size_t to_stride);

/// `rows` rows of a square, of `columns` sums, 16 or 32, plus the bias of each column, at least
/// `least`, rounded.
void finish(const float* square, int rows, int columns, const float* bias, float least,
            BFloat16* to, std::size_t stride);

inline constexpr std::size_t block = 2 * side;  ///< Rows and columns of a square.
inline constexpr std::size_t square_size = block * block;
inline std::size_t blocks_of(std::size_t n) { return (n + block - 1) / block; }
/// Tiles in the block that starts at `first`, of n rows or columns.
inline int tiles_of(std::size_t n, std::size_t first) { return n - first > side ? 2 : 1; }

}  // namespace mpsnn::cpu::tiles
