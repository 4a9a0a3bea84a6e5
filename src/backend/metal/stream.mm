#include "backend/metal/stream.hpp"

#include <memory>

#include "backend/metal/commands.hpp"
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

/// The end of a run that was not encoded whole.
class Torn {
 public:
  Torn(Parts& parts, bool& torn) : parts_(&parts), torn_(torn) { torn_ = false; }
  Torn(const Torn&) = delete;
  Torn& operator=(const Torn&) = delete;
  ~Torn() {
    if (parts_) torn_ = parts_->abandon() > 0;
  }
  void is_whole() { parts_ = nullptr; }

 private:
  Parts* parts_;
  bool& torn_;
};

}  // namespace

Stream::Stream(id<MTLDevice> device, int in_flight)
    : in_flight_(in_flight), queue_(adopt([device newCommandQueue])), free_(in_flight) {
  if (!queue_) throw DeviceError("metal: the device gives no command queue");
}

Stream::~Stream() { wait(); }

void Stream::submit(const std::function<void(id<MTLCommandBuffer>)>& encode,
                    std::function<void(const std::string& error)> done) {
  Place place(free_);
  // The block owns what it needs: a stream that is going away waits for `free`.
  const auto parts =
      std::make_shared<Parts>([done = std::move(done), free = &free_](const std::string& error) {
        done(error);
        free->release();
      });
  Torn run(*parts, torn_);
  const auto commands = adopt([[MpsnnCommands alloc] initWithQueue:queue_ parts:parts]);
  encode(commands.get());
  [commands.get() commit];
  run.is_whole();
  place.give_away();
}

void Stream::wait() {
  for (int i = 0; i < in_flight_; ++i) free_.acquire();
  free_.release(in_flight_);
}

}  // namespace mpsnn::metal
