#include "backend/metal/session.hpp"

namespace mpsnn::metal {

MetalSession::MetalSession(const SessionOptions& options)
    : MetalSession(options, open_gpu(options.device, max_in_flight)) {}

MetalSession::MetalSession(const SessionOptions& options, std::shared_ptr<Gpu> gpu)
    : KernelSession(options, memory_of(gpu)), gpu_(std::move(gpu)) {}

MetalSession::~MetalSession() {
  try {
    queue().run([this] { flights_->settle(); });
  } catch (...) {  // a forked child: nothing runs here
  }
}

Progress MetalSession::read(std::span<const std::pair<std::string, HostSpan>> to) {
  Progress at;
  queue().run([&] {
    flights_->settle();
    at = KernelSession::read(to);
  });
  return at;
}

void MetalSession::write(std::span<const std::pair<std::string, HostArray>> from,
                         std::optional<Progress> progress) {
  queue().run([&] {
    flights_->settle();
    KernelSession::write(from, progress);
    changed();
  });
}

void MetalSession::wait() {
  queue().run([this] { flights_->settle(); });
}

void MetalSession::post(std::shared_ptr<Flight> flight, bool alone) {
  queue().post([flights = flights_, flight = std::move(flight), alone] {
    if (alone) flights->settle();
    flights->start(flight);
    if (alone) flights->settle();
  });
}

void MetalSession::post_collect() {
  queue().post([flights = flights_] { flights->collect(); });
}

}  // namespace mpsnn::metal
