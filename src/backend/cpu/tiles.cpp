#include "backend/cpu/tiles.hpp"

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

MPSNN_TILES void load_configuration(const Configuration& c) { _tile_loadconfig(&c); }
MPSNN_TILES void release() { _tile_release(); }

}  // namespace

bool available() {
  static const bool found = dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core_amx &&
                            dnnl::get_effective_cpu_isa() != dnnl::cpu_isa::isa_default &&
                            permitted();
  return found;
}

Configured::Configured() { load_configuration(largest); }

Configured::~Configured() { release(); }

void multiply(const Left& left, const Right& right, std::size_t steps, const Square& from,
              const Square& to) {
  const auto run = left.rows > 1 ? (right.columns > 1 ? multiply<2, 2> : multiply<2, 1>)
                                 : (right.columns > 1 ? multiply<1, 2> : multiply<1, 1>);
  run(left, right.data, steps, from, to);
}

MPSNN_TILES void round_left(const float* from, std::size_t stride, std::uint32_t* to) {
  for (int row = 0; row < side; ++row, from += stride, to += side) {
    const __m512 low = _mm512_loadu_ps(from), high = _mm512_loadu_ps(from + side);
    _mm512_storeu_si512(to, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low)));
  }
}

MPSNN_TILES void round_right(const float* from, std::size_t stride, std::uint32_t* to) {
  Interleaved order;
  for (int i = 0; i < depth; ++i) order.halves[i] = i / 2 + i % 2 * side;
  const __m512i alternating = _mm512_load_si512(order.halves);
  for (int pair = 0; pair < side; ++pair, from += 2 * stride, to += block) {
    _mm_prefetch(from + depth * stride, _MM_HINT_T0);
    _mm_prefetch(from + (depth + 1) * stride, _MM_HINT_T0);
    const __m512 first = _mm512_loadu_ps(from), second = _mm512_loadu_ps(from + stride);
    const auto both = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first));
    _mm512_storeu_si512(to, _mm512_permutexvar_epi16(alternating, both));
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

void round_left(const float*, std::size_t, std::uint32_t*) {}
void round_right(const float*, std::size_t, std::uint32_t*) {}
void transpose(const std::uint32_t*, std::size_t, std::uint32_t*, std::size_t) {}
void finish(const float*, int, int, const float*, float, BFloat16*, std::size_t) {}
bool available() { return false; }
Configured::Configured() = default;
Configured::~Configured() = default;
void multiply(const Left&, const Right&, std::size_t, const Square&, const Square&) {}

#endif

}  // namespace mpsnn::cpu::tiles
