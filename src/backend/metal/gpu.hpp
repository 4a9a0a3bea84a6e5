#pragma once

#include "backend/metal/memory.hpp"
#include "backend/metal/session.hpp"
#include "backend/metal/stream.hpp"

/// For .mm files alone.
namespace mpsnn::metal {

struct Gpu {
  explicit Gpu(Owned<id<MTLDevice>> d, int in_flight)
      : device(std::move(d)),
        memory(std::make_shared<SharedMemory>(device)),
        stream(device, in_flight) {}

  const Owned<id<MTLDevice>> device;
  const std::shared_ptr<SharedMemory> memory;
  Stream stream;
};

}  // namespace mpsnn::metal
