#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "mpsnn/ops.hpp"

namespace mpsnn {

/// Philox4x32-10 (Salmon et al., SC 2011): four random words for one counter.
inline std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> c,
                                           std::array<std::uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * c[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<std::uint32_t>(b >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(b),
         static_cast<std::uint32_t>(a >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(a)};
    k[0] += 0x9E3779B9;
    k[1] += 0xBB67AE85;
  }
  return c;
}

/// The shape of the mask of one image: 1 along the axes of x that have one draw.
Shape mask_shape(const Dropout& op, const Shape& x);

/// The dropout mask, defined once for every backend: element e of the batch's mask is
/// kept if word e % 4 of counter (e / 4, step, key), under the seed, is at least
/// `threshold`.
struct DropoutMask {
  std::uint32_t threshold;  ///< rate * 2^32
  std::uint32_t key;

  DropoutMask(float rate, std::uint32_t key_)
      : threshold(static_cast<std::uint32_t>(std::ldexp(static_cast<double>(rate), 32))),
        key(key_) {}

  std::array<std::uint32_t, 4> words(std::uint64_t block, std::uint64_t step,
                                     std::uint64_t seed) const {
    return philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32) ^ key,
                   static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(step >> 32)},
                  {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  }
};

}  // namespace mpsnn
