#include "backend/cpu/tiles.hpp"

#include "backend/cpu/pair_sums.hpp"
#include "backend/cpu/primitive.hpp"
#include "oneapi/dnnl/dnnl.hpp"

#if MPSNN_HAS_TILES
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace mpsnn::cpu::tiles {

#if MPSNN_HAS_TILES

namespace {

/// Linux gives the registers, which are large, to processes that ask.
bool permitted() {
  constexpr long request = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, request, tile_data) == 0;
}

struct alignas(64) Configuration {
  std::uint8_t palette = 1, start = 0, reserved[14] = {};
  std::uint16_t bytes_of_row[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {side, side, side, side, side, side, side, side};
};
/// Not a local: compilers take the instruction to read no more than its first bytes.
const Configuration largest;

struct alignas(64) Interleaved {
  std::uint16_t halves[depth];
};

template <int M, int N>
MPSNN_TILES void multiply(const Left& left, const std::uint32_t* b, std::size_t steps,
                          const Square& from, const Square& to) {
  const std::size_t* at = left.steps;
  const std::size_t from_row = from.stride * sizeof(float), to_row = to.stride * sizeof(float);
  if (from.data) {
    const float* second = from.data + side * from.stride;
    _tile_loadd(0, from.data, from_row);
    if constexpr (N > 1) _tile_loadd(1, from.data + side, from_row);
    if constexpr (M > 1) _tile_loadd(2, second, from_row);
    if constexpr (M * N > 2) _tile_loadd(3, second + side, from_row);
  } else {
    _tile_zero(0);
    if constexpr (N > 1) _tile_zero(1);
    if constexpr (M > 1) _tile_zero(2);
    if constexpr (M * N > 2) _tile_zero(3);
  }
  for (std::size_t k = 0; k < steps; ++k) {
    const std::uint32_t* a = left.data + at[k];
    _tile_loadd(4, a, 64);
    _tile_loadd(6, b + k * 2 * words, 128);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (M > 1) {
      _tile_loadd(5, a + left.stride, 64);
      _tile_dpbf16ps(2, 5, 6);
    }
    if constexpr (N > 1) {
      _tile_loadd(7, b + k * 2 * words + side, 128);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (M * N > 2) _tile_dpbf16ps(3, 5, 7);
  }
  float* second = to.data + side * to.stride;
  _tile_stored(0, to.data, to_row);
  if constexpr (N > 1) _tile_stored(1, to.data + side, to_row);
  if constexpr (M > 1) _tile_stored(2, second, to_row);
  if constexpr (M * N > 2) _tile_stored(3, second + side, to_row);
}

/// The same of 8 rows without the registers, by products of pairs; N is columns, in tiles.
template <int N>
MPSNN_PAIRS void multiply_rows(const Left& left, const std::uint32_t* b, std::size_t steps,
                               const float* from, std::size_t from_stride, const Square& to,
                               const Ahead& ahead) {
  PairSums<8, N> sums;
  sums.load(from, from_stride);
  for (std::size_t s = 0; s < steps; ++s) {
    const std::uint32_t* a = left.data + left.steps[s];
    for (int k = 0; k < side; ++k, ++a, b += block) {
      if (ahead.data)
        _mm_prefetch(ahead.data + s * ahead.step + k / 2 * ahead.row + k % 2 * side, _MM_HINT_T0);
      sums.add(a, side, b);
    }
  }
  sums.store(to.data, to.stride);
}

void multiply_pairs(const Left& left, const Right& right, std::size_t steps, const Square& from,
                    const Square& to, const Ahead& ahead) {
  const auto run = right.columns > 1 ? multiply_rows<2> : multiply_rows<1>;
  for (int row = 0; row < left.rows * side; row += 8) {
    const std::size_t tile = row / side, in_tile = row % side;
    const Left rows = {left.data + tile * left.stride + in_tile * side, left.steps, 0, 0};
    run(rows, right.data, steps, from.data ? from.data + row * from.stride : nullptr, from.stride,
        {to.data + row * to.stride, to.stride},
        {ahead.data ? ahead.data + row * ahead.row : nullptr, ahead.row, ahead.step});
  }
}

MPSNN_TILES void load_configuration(const Configuration& c) { _tile_loadconfig(&c); }
MPSNN_TILES void release() { _tile_release(); }

}  // namespace

bool available() {
  static const bool found = dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core_amx &&
                            dnnl::get_effective_cpu_isa() != dnnl::cpu_isa::isa_default &&
                            permitted();
  return found;
}

bool usable() { return available() || has_bfloat16(); }

const char* name() { return available() ? "mpsnn:amx" : "mpsnn:avx512_bf16"; }

Configured::Configured() {
  if (available()) load_configuration(largest);
}

Configured::~Configured() {
  if (available()) release();
}

void multiply(const Left& left, const Right& right, std::size_t steps, const Square& from,
              const Square& to, const Ahead& ahead) {
  if (!available()) return multiply_pairs(left, right, steps, from, to, ahead);
  const auto run = left.rows > 1 ? (right.columns > 1 ? multiply<2, 2> : multiply<2, 1>)
                                 : (right.columns > 1 ? multiply<1, 2> : multiply<1, 1>);
  run(left, right.data, steps, from, to);
}

MPSNN_TILES void round_left(const float* from, std::size_t stride, std::size_t steps,
                            std::uint32_t* to) {
  for (int row = 0; row < side; ++row, from += stride, to += side)
    for (std::size_t s = 0; s < steps; ++s) {
      const float* at = from + s * depth;
      const auto both = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(at + side), _mm512_loadu_ps(at));
      _mm512_storeu_si512(to + s * words, reinterpret_cast<__m512i>(both));
    }
}

MPSNN_TILES void round_right(const float* from, std::size_t stride, std::size_t columns,
                             std::uint32_t* to, std::size_t block_stride) {
  Interleaved order;
  for (int i = 0; i < depth; ++i) order.halves[i] = i / 2 + i % 2 * side;
  const __m512i alternating = _mm512_load_si512(order.halves);
  for (int pair = 0; pair < side; ++pair, from += 2 * stride, to += block)
    for (std::size_t c = 0; c < columns; c += side) {
      const float* at = from + c;
      _mm_prefetch(at + depth * stride, _MM_HINT_T0);
      _mm_prefetch(at + (depth + 1) * stride, _MM_HINT_T0);
      const __m512 first = _mm512_loadu_ps(at), second = _mm512_loadu_ps(at + stride);
      const auto both = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first));
      _mm512_storeu_si512(to + c / block * block_stride + c % block,
                          _mm512_permutexvar_epi16(alternating, both));
    }
}

/// Sums and their bias, at least `low`; NaN stays NaN.
MPSNN_TILES inline __m512 bounded(const float* sums, const float* bias, const __m512& low) {
  const __m512 sum = _mm512_add_ps(_mm512_loadu_ps(sums), _mm512_loadu_ps(bias));
  return _mm512_maskz_max_ps(all_lanes, low, sum);
}

MPSNN_TILES void finish(const float* square, int rows, int columns, const float* bias, float least,
                        BFloat16* to, std::size_t stride) {
  const __m512 low = _mm512_set1_ps(least);
  for (int i = 0; i < rows; ++i, square += block, to += stride) {
    const __m512 first = bounded(square, bias, low);
    if (columns > side) {
      const __m512bh both = _mm512_cvtne2ps_pbh(bounded(square + side, bias + side, low), first);
      _mm512_storeu_si512(to, reinterpret_cast<__m512i>(both));
    } else {
      _mm256_storeu_si256(static_cast<__m256i*>(static_cast<void*>(to)),
                          reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(first)));
    }
  }
}

MPSNN_TILES void transpose(const std::uint32_t* from, std::size_t stride, std::uint32_t* to,
                           std::size_t to_stride) {
  Words rows[side];
  for (int i = 0; i < side; ++i) std::memcpy(&rows[i], from + i * stride, sizeof rows[i]);
  transpose_lanes(rows);
  for (int i = 0; i < side; ++i) std::memcpy(to + i * to_stride, &rows[i], sizeof rows[i]);
}

#else

void round_left(const float*, std::size_t, std::size_t, std::uint32_t*) {}
void round_right(const float*, std::size_t, std::size_t, std::uint32_t*, std::size_t) {}
void transpose(const std::uint32_t*, std::size_t, std::uint32_t*, std::size_t) {}
void finish(const float*, int, int, const float*, float, BFloat16*, std::size_t) {}
bool available() { return false; }
bool usable() { return false; }
const char* name() { return ""; }
Configured::Configured() = default;
Configured::~Configured() = default;
void multiply(const Left&, const Right&, std::size_t, const Square&, const Square&, const Ahead&) {}

#endif

}  // namespace mpsnn::cpu::tiles
