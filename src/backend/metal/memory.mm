#include "backend/metal/memory.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "mpsnn/errors.hpp"

namespace mpsnn::metal {

Owned<MPSVector*> Region::vector() const {
  MPSVectorDescriptor* descriptor =
      [MPSVectorDescriptor vectorDescriptorWithLength:elements dataType:MPSDataTypeFloat32];
  return adopt([[MPSVector alloc] initWithBuffer:buffer offset:offset descriptor:descriptor]);
}

Region new_region(id<MTLDevice> device, NSUInteger elements) {
  auto buffer = adopt([device newBufferWithLength:elements * sizeof(float)
                                          options:MTLResourceStorageModeShared]);
  if (!buffer) throw DeviceError(str("metal: no memory for ", elements, " numbers"));
  return {std::move(buffer), 0, elements};
}

void copy(id<MTLBlitCommandEncoder> blit, const Region& from, const Region& to) {
  assert(from.elements == to.elements);
  [blit copyFromBuffer:from.buffer
           sourceOffset:from.offset
               toBuffer:to.buffer
      destinationOffset:to.offset
                   size:from.bytes()];
}

void* SharedMemory::allocate(std::size_t bytes) {
  const NSUInteger length = std::max<std::size_t>(bytes, sizeof(float));
  auto buffer = adopt([device_.get() newBufferWithLength:length
                                                 options:MTLResourceStorageModeShared]);
  if (!buffer) throw DeviceError(str("metal: no memory for ", bytes, " bytes"));
  void* data = [buffer.get() contents];
  std::memset(data, 0, length);
  const std::lock_guard lock(mutex_);
  buffers_[static_cast<std::byte*>(data)] = std::move(buffer);
  return data;
}

void SharedMemory::release(void* data) {
  const std::lock_guard lock(mutex_);
  buffers_.erase(static_cast<std::byte*>(data));
}

void SharedMemory::upload(void* device, const void* host, std::size_t bytes) {
  if (bytes) std::memcpy(device, host, bytes);
}

void SharedMemory::download(void* host, const void* device, std::size_t bytes) {
  if (bytes) std::memcpy(host, device, bytes);
}

Region SharedMemory::region(const void* data, Dim elements) const {
  const std::lock_guard lock(mutex_);
  const auto* at = static_cast<const std::byte*>(data);
  auto it = buffers_.upper_bound(at);
  assert(it != buffers_.begin());
  --it;
  return {it->second, static_cast<NSUInteger>(at - it->first), static_cast<NSUInteger>(elements)};
}

}  // namespace mpsnn::metal
