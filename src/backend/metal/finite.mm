#include "backend/metal/finite.hpp"

#include <algorithm>
#include <cmath>

#include "mpsnn/errors.hpp"

namespace mpsnn::metal {

int FiniteCheck::add(const std::string& parameter, NSUInteger elements) {
  Entry& entry = entries_.emplace_back();
  entry.parameter = parameter;
  entry.sum = adopt([[MPSMatrixVectorMultiplication alloc] initWithDevice:gpu_.device
                                                                     rows:1
                                                                  columns:elements]);
  for (int slot = 0; slot < slots_; ++slot) entry.sums.push_back(new_region(gpu_.device, 1));
  if (elements > ones_.elements) {
    ones_ = new_region(gpu_.device, elements);
    std::fill_n(ones_.data(), elements, 1.0f);
  }
  return static_cast<int>(entries_.size()) - 1;
}

void FiniteCheck::encode(id<MTLCommandBuffer> buffer, int which, const Region& gradient, int slot) {
  const Entry& entry = entries_[which];
  MPSMatrixDescriptor* row = [MPSMatrixDescriptor matrixDescriptorWithRows:1
                                                                   columns:gradient.elements
                                                                  rowBytes:gradient.bytes()
                                                                  dataType:MPSDataTypeFloat32];
  const auto matrix = adopt([[MPSMatrix alloc] initWithBuffer:gradient.buffer
                                                       offset:gradient.offset
                                                   descriptor:row]);
  const auto ones = ones_.vector(), sum = entry.sums[slot].vector();
  [entry.sum.get() encodeToCommandBuffer:buffer
                             inputMatrix:matrix
                             inputVector:ones
                            resultVector:sum];
}

void FiniteCheck::check(int slot) const {
  for (const Entry& entry : entries_)
    if (!std::isfinite(entry.sums[slot].data()[0]))
      throw NumericError("gradient of " + entry.parameter +
                         " is not finite; the step stopped, and changed no weight");
}

}  // namespace mpsnn::metal
