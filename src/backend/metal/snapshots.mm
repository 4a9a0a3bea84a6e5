#include "backend/metal/snapshots.hpp"

#include <algorithm>

namespace mpsnn::metal {
namespace {

Region part(const Region& of, NSUInteger first, NSUInteger elements) {
  return {of.buffer, of.offset + first * sizeof(float), elements};
}

}  // namespace

Snapshots::Snapshots(id<MTLDevice> device, std::vector<Region> variables, int slots)
    : variables_(std::move(variables)) {
  NSUInteger elements = variables_.size() + 1;
  for (const Region& v : variables_) elements += v.elements;
  for (int i = 0; i < slots && !empty(); ++i)
    slots_.push_back({new_region(device, elements), new_region(device, 1)});
}

/// The device lets two encoders overlap unless one writes what the other one uses. The second one
/// waits for the copies of the first, as it writes to their buffer; and an update waits for the
/// second, as that reads every variable. So a mark that has arrived says that the copies are whole,
/// and one that has not, that no variable has changed.
void Snapshots::encode(id<MTLCommandBuffer> buffer, int slot) {
  if (empty()) return;
  Slot& to = slots_[slot];
  to.number = to.number < 1e6f ? to.number + 1 : 1;
  to.mark.data()[0] = to.number;
  NSUInteger at = 0;
  id<MTLBlitCommandEncoder> copies = [buffer blitCommandEncoder];
  for (const Region& v : variables_) {
    copy(copies, v, part(to.saved, at, v.elements));
    at += v.elements;
  }
  [copies endEncoding];
  id<MTLBlitCommandEncoder> mark = [buffer blitCommandEncoder];
  for (const Region& v : variables_) copy(mark, part(v, 0, 1), part(to.saved, at++, 1));
  copy(mark, to.mark, part(to.saved, at, 1));
  [mark endEncoding];
}

void Snapshots::restore(int slot) const {
  const Slot& from = slots_[slot];
  if (from.saved.data()[from.saved.elements - 1] != from.number) return;
  const float* at = from.saved.data();
  for (const Region& v : variables_) {
    std::copy_n(at, v.elements, v.data());
    at += v.elements;
  }
}

std::size_t Snapshots::bytes() const {
  std::size_t sum = 0;
  for (const Slot& slot : slots_) sum += slot.saved.bytes() + slot.mark.bytes();
  return sum;
}

}  // namespace mpsnn::metal
