#include "backend/metal/commands.hpp"

#include "mpsnn/errors.hpp"

namespace mpsnn::metal {
namespace {

std::string text_of(NSError* error) {
  if (error == nil) return {};
  return str("GPU error ", [error code], ": ", [[error localizedDescription] UTF8String]);
}

}  // namespace

void Parts::watch(id<MTLCommandBuffer> buffer, bool last) {
  {
    const std::lock_guard lock(mutex_);
    ++committed_;
    ++running_;
    whole_ = last;
  }
  const auto self = shared_from_this();
  [buffer addCompletedHandler:^(id<MTLCommandBuffer> finished) {
    self->landed(text_of([finished error]));
  }];
}

void Parts::landed(const std::string& error) {
  std::function<void(const std::string&)> done;
  {
    const std::lock_guard lock(mutex_);
    if (error_.empty()) error_ = error;
    if (--running_ == 0 && whole_) done = std::move(done_);
    changed_.notify_all();
  }
  if (done) done(error_);
}

int Parts::abandon() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return running_ == 0; });
  return committed_;
}

}  // namespace mpsnn::metal

@implementation MpsnnCommands
- (instancetype)initWithQueue:(id<MTLCommandQueue>)queue
                        parts:(std::shared_ptr<mpsnn::metal::Parts>)parts {
  id<MTLCommandBuffer> buffer = [queue commandBuffer];
  if (buffer == nil) throw mpsnn::DeviceError("metal: the device gives no command buffer");
  if (!(self = [super initWithCommandBuffer:buffer])) return nil;
  _parts = std::move(parts);
  return self;
}
- (void)commitAndContinue {
  _parts->watch([self rootCommandBuffer], false);
  [super commitAndContinue];
}
- (void)commit {
  _parts->watch([self rootCommandBuffer], true);
  [super commit];
}
@end
