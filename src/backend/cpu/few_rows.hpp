#pragma once

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/cpu_session.hpp"

/// y (rows, out) = x (rows, in) times the transpose of a weight (out, in) in bfloat16, for so few
/// rows that reading the weight is what takes the time: matrix instructions would wait for it with
/// most of their rows empty. Sums are float32.
namespace mpsnn::cpu {

class FewRows {
 public:
  static constexpr Dim most_rows = 4;
  static constexpr Dim block = 64;  ///< Outputs that are summed up together.

  /// Whether it is for this weight; one with fewer outputs than a block would be mostly padding.
  static bool suits(Dim rows, Dim out) { return rows <= most_rows && out >= block; }

  FewRows(KernelContext& k, ValueId weight, Dim out, Dim in);

  /// Packs the weight, if need be; before the runs.
  void prepare(const Launch& l, const void* weight) {
    packed_ = static_cast<const std::uint32_t*>(weight_.get(l, weight));
  }
  /// Numbers that `run` works in, for each row: whole pairs.
  Dim stride() const { return (in_ + 1) / 2 * 2; }
  void run(const BFloat16* x, Dim rows, BFloat16* whole, float* y) const;
  /// In a parallel region, by this thread alone, or its part of it.
  void run_alone(const BFloat16* x, Dim rows, BFloat16* whole, float* y) const;
  void run_share(const BFloat16* x, Dim rows, BFloat16* whole, float* y) const;

 private:
  Dim blocks() const { return (out_ + block - 1) / block; }
  /// Rows of whole pairs, which are in `whole` where `in` is odd.
  const BFloat16* rows_of_pairs(const BFloat16* x, Dim rows, BFloat16* whole) const;
  void run_blocks(const BFloat16* x, Dim rows, float* y, Dim begin, Dim end) const;

  Dim out_, in_;
  Weight weight_;
  const std::uint32_t* packed_ = nullptr;
};

}  // namespace mpsnn::cpu
