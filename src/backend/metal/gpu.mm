#include "backend/metal/gpu.hpp"

#include "backend/metal/devices.hpp"
#include "backend/metal/guard.hpp"
#include "mpsnn/errors.hpp"

namespace mpsnn::metal {

std::shared_ptr<Gpu> open_gpu(std::uint64_t wanted, int in_flight) {
  const std::vector<Device> known = list_devices();
  if (known.empty()) throw DeviceError("metal: this machine has no GPU that Metal can use");
  if (wanted == 0) wanted = known.front().id;
  std::shared_ptr<Gpu> out;
  guarded([&] {
    const auto all = adopt(MTLCopyAllDevices());
    for (id<MTLDevice> device in all.get())
      if ([device registryID] == wanted) out = std::make_shared<Gpu>(keep(device), in_flight);
  });
  if (!out) throw DeviceError(str("device: there is no GPU with the id ", wanted));
  return out;
}

std::shared_ptr<DeviceMemory> memory_of(const std::shared_ptr<Gpu>& gpu) { return gpu->memory; }

}  // namespace mpsnn::metal
