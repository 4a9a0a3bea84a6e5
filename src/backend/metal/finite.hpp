#pragma once

#include <string>
#include <vector>

#include "backend/metal/gpu.hpp"

/// For .mm files alone.
namespace mpsnn::metal {

/// Sees whether gradients are finite, on the device: their sums are, or are not.
class FiniteCheck {
 public:
  FiniteCheck(Gpu& gpu, int slots) : gpu_(gpu), slots_(slots) {}

  /// For a gradient of so many elements; returns what it is called below.
  int add(const std::string& parameter, NSUInteger elements);
  void encode(id<MTLCommandBuffer> buffer, int which, const Region& gradient, int slot);
  /// @throws NumericError naming a parameter whose gradient was not finite in the run of this
  ///     slot, which has landed.
  void check(int slot) const;

 private:
  struct Entry {
    std::string parameter;
    Owned<MPSMatrixVectorMultiplication*> sum;
    std::vector<Region> sums;  ///< By slot.
  };
  Gpu& gpu_;
  const int slots_;
  std::vector<Entry> entries_;
  Region ones_;
};

}  // namespace mpsnn::metal
