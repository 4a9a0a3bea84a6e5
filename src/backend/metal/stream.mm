#include "backend/metal/stream.hpp"

#include <memory>

#include "mpsnn/errors.hpp"

namespace mpsnn::metal {
namespace {

/// A place among those in flight, given back unless it went to a command buffer.
class Place {
 public:
  explicit Place(std::counting_semaphore<Stream::kMaxInFlight>& free) : free_(&free) {
    free.acquire();
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    if (free_) free_->release();
  }
  void give_away() { free_ = nullptr; }

 private:
  std::counting_semaphore<Stream::kMaxInFlight>* free_;
};

std::string text_of(NSError* error) {
  if (error == nil) return {};
  return str("GPU error ", [error code], ": ", [[error localizedDescription] UTF8String]);
}

}  // namespace

Stream::Stream(id<MTLDevice> device, int in_flight)
    : in_flight_(in_flight), queue_(adopt([device newCommandQueue])), free_(in_flight) {
  if (!queue_) throw DeviceError("metal: the device gives no command queue");
}

Stream::~Stream() { wait(); }

void Stream::submit(const std::function<void(id<MTLCommandBuffer>)>& encode,
                    std::function<void(const std::string& error)> done) {
  Place place(free_);
  @autoreleasepool {
    id<MTLCommandBuffer> buffer = [queue_.get() commandBuffer];
    if (buffer == nil) throw DeviceError("metal: the device gives no command buffer");
    encode(buffer);
    // The block owns what it needs: a stream that is going away waits for `free`.
    auto* const free = &free_;
    const auto callback =
        std::make_shared<std::function<void(const std::string&)>>(std::move(done));
    [buffer addCompletedHandler:^(id<MTLCommandBuffer> finished) {
      (*callback)(text_of([finished error]));
      free->release();
    }];
    [buffer commit];
    place.give_away();
  }
}

void Stream::wait() {
  for (int i = 0; i < in_flight_; ++i) free_.acquire();
  free_.release(in_flight_);
}

}  // namespace mpsnn::metal
