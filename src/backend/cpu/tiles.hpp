#pragma once

#include <cstdint>

#include "backend/cpu/lanes.hpp"

/// The tile registers of AMX: eight matrices of 16 rows of 64 bytes. One instruction adds to 16 x
/// 16 floats the product of 16 rows of 32 bfloat16 and 16 rows of 16 pairs of them. Intel's
/// "Architecture Instruction Set Extensions Programming Reference", chapter on AMX.
namespace mpsnn::cpu::tiles {

#if defined(__x86_64__) && defined(__linux__) && (__GNUC__ >= 12 || __clang_major__ >= 12)
#define MPSNN_TILES __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,amx-tile,amx-bf16")))
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

/// to = left * right over `steps` times 32 numbers, plus `from` if it is not null. Both are up to
/// four tiles of 256 floats: (row, column) is the one at 2 * row + column.
void multiply(const Left& left, const Right& right, std::size_t steps, const float* from,
              float* to);

inline constexpr std::size_t product_size = 4 * words;  ///< Floats of such four tiles.
inline constexpr std::size_t block = 2 * side;          ///< Rows and columns of them.
inline std::size_t blocks_of(std::size_t n) { return (n + block - 1) / block; }
/// Tiles in the block that starts at `first`, of n rows or columns.
inline int tiles_of(std::size_t n, std::size_t first) { return n - first > side ? 2 : 1; }

}  // namespace mpsnn::cpu::tiles
