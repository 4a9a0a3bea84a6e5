#pragma once

#include <atomic>
#include <memory>

#include "backend/kernel_session.hpp"
#include "backend/metal/flights.hpp"

namespace mpsnn::metal {

/// A device, its stream of commands, and its memory. In gpu.hpp, for .mm files.
struct Gpu;
/// The device with this id, or for 0 the one to use by default.
/// @throws DeviceError if there is none.
std::shared_ptr<Gpu> open_gpu(std::uint64_t id, int in_flight);
std::shared_ptr<DeviceMemory> memory_of(const std::shared_ptr<Gpu>& gpu);

/// The variables of a model, in memory that host and device share; and the runs on their way.
class MetalSession final : public KernelSession {
 public:
  explicit MetalSession(const SessionOptions& options);
  ~MetalSession() override;

  Progress read(std::span<const std::pair<std::string, HostSpan>> to) override;
  void write(std::span<const std::pair<std::string, HostArray>> from,
             std::optional<Progress> progress) override;
  void wait() override;

  Gpu& gpu() { return *gpu_; }
  const std::shared_ptr<Flights>& flights() { return flights_; }
  /// Starts a run on the engine's thread. Ends it there, at once if `alone`.
  void post(std::shared_ptr<Flight> flight, bool alone);
  /// For the thread of the device's that saw a run land.
  void post_collect();

  /// Counts the changes of the variables, so that copies of weights know they are stale.
  std::uint64_t version() const { return version_; }
  void changed() { ++version_; }

 private:
  MetalSession(const SessionOptions& options, std::shared_ptr<Gpu> gpu);

  std::shared_ptr<Flights> flights_ = std::make_shared<Flights>();
  std::uint64_t version_ = 1;  // on the engine's thread
  std::shared_ptr<Gpu> gpu_;   // last, so that it goes first: it waits for who calls post_collect
};

}  // namespace mpsnn::metal
