#pragma once

#include <optional>

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/primitive.hpp"

namespace mpsnn::cpu {

/// Brings a float32 weight (O, taps, I) into the layouts of bfloat16 that matrix instructions read:
/// pairs of numbers along one axis, side by side for a block of the other. oneDNN's own reorder is
/// two to five times slower, and training packs every weight at every step.
class Packer {
 public:
  /// Empty for layouts that it does not know.
  static std::optional<Packer> make(const MemoryDesc& from, const MemoryDesc& to);
  void run(const float* from, BFloat16* to) const;

 private:
  Packer() = default;
  void pack_inputs(const float* from, std::uint32_t* to, Dim block, Dim tap) const;
  void pack_outputs(const float* from, std::uint32_t* to, Dim block, Dim tap) const;
  /// Where a pair starts, for the block and tap that begin at `to`.
  std::uint32_t* pair_at(std::uint32_t* to, Dim pair) const {
    return to + pair / pairs_ * pair_stride_ + pair % pairs_ * block_;
  }

  bool pairs_of_inputs_;  ///< Else of outputs.
  Dim outputs_, inputs_, taps_;
  Dim block_, blocks_;     ///< Numbers of the other axis side by side, and how many of those.
  Dim pairs_, all_pairs_;  ///< That follow each other; of the axis, with what is added to it.
  Dim pair_stride_;        ///< From one such run of pairs to the next, in pairs.
  Dim block_stride_, tap_stride_;  ///< In pairs.
};

}  // namespace mpsnn::cpu
