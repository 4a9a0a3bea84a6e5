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

template <int M, int N>
MPSNN_TILES void multiply(const Left& left, const std::uint32_t* b, std::size_t steps,
                          const float* from, float* to) {
  const std::size_t* at = left.steps;
  if (from) {
    _tile_loadd(0, from, 64);
    if constexpr (N > 1) _tile_loadd(1, from + words, 64);
    if constexpr (M > 1) _tile_loadd(2, from + 2 * words, 64);
    if constexpr (M * N > 2) _tile_loadd(3, from + 3 * words, 64);
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
  _tile_stored(0, to, 64);
  if constexpr (N > 1) _tile_stored(1, to + words, 64);
  if constexpr (M > 1) _tile_stored(2, to + 2 * words, 64);
  if constexpr (M * N > 2) _tile_stored(3, to + 3 * words, 64);
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

void multiply(const Left& left, const Right& right, std::size_t steps, const float* from,
              float* to) {
  const auto run = left.rows > 1 ? (right.columns > 1 ? multiply<2, 2> : multiply<2, 1>)
                                 : (right.columns > 1 ? multiply<1, 2> : multiply<1, 1>);
  run(left, right.data, steps, from, to);
}

#else

bool available() { return false; }
Configured::Configured() = default;
Configured::~Configured() = default;
void multiply(const Left&, const Right&, std::size_t, const float*, float*) {}

#endif

}  // namespace mpsnn::cpu::tiles
