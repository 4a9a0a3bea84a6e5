#include "metal_double/command_buffer.hpp"

#include <atomic>
#include <cstring>
#include <map>

#include "metal_double/control.hpp"

namespace {

std::atomic<int> buffers{0}, commits{0};

std::mutex faults_mutex;
struct Fault {
  std::string message;
  double done = 1;
};

std::map<int, Fault> faults;  // by how many commits from now
std::mutex completion_mutex;
std::condition_variable completion;

/// The error planted for the command buffer that is committed now, if there is one.
Fault next_fault() {
  const std::lock_guard lock(faults_mutex);
  Fault found;
  std::map<int, Fault> later;
  for (auto& [nth, fault] : faults) {
    if (nth == 0)
      found = fault;
    else
      later[nth - 1] = fault;
  }
  faults = std::move(later);
  return found;
}

void refuse(NSString* what) {
  [NSException raise:NSInternalInconsistencyException format:@"MTLCommandBuffer: %@", what];
}

}  // namespace

void StandInWorker::run(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  while (true) {
    state->changed.wait(lock, [&] { return state->ends || !state->work.empty(); });
    if (state->work.empty()) return;
    std::function<void()> next = std::move(state->work.front());
    state->work.pop_front();
    lock.unlock();
    @autoreleasepool {
      next();
      next = nullptr;
    }
    lock.lock();
  }
}

StandInWorker::~StandInWorker() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ends = true;
  }
  state_->changed.notify_one();
  // The last reference may go on the thread itself, with the last command buffer.
  if (thread_.get_id() == std::this_thread::get_id())
    thread_.detach();
  else
    thread_.join();
}

void StandInWorker::post(std::function<void()> work) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->work.push_back(std::move(work));
  }
  state_->changed.notify_one();
}

@implementation StandInQueue
- (instancetype)init {
  if (!(self = [super init])) return nil;
  _worker = std::make_shared<StandInWorker>();
  return self;
}
- (id<MTLCommandBuffer>)commandBuffer {
  return [[[StandInCommandBuffer alloc] initWithWorker:_worker] autorelease];
}
@end

@implementation StandInCommandBuffer
- (instancetype)initWithWorker:(std::shared_ptr<StandInWorker>)worker {
  if (!(self = [super init])) return nil;
  ++buffers;
  _worker = std::move(worker);
  _broken = std::make_shared<bool>(false);
  return self;
}
- (StandInCommandBuffer*)next {
  StandInCommandBuffer* out = [[[StandInCommandBuffer alloc] initWithWorker:_worker] autorelease];
  out->_broken = _broken;
  return out;
}
- (void)encoderBegins {
  if (_committed) refuse(@"encoding after commit");
  ++_encoders;
}
- (void)encoderEnds {
  --_encoders;
}
- (void)dealloc {
  --buffers;
  for (MTLCommandBufferHandler handler : _handlers) [handler release];
  [_error release];
  [_kept release];
  [super dealloc];
}
- (void)encode:(std::function<void()>)work {
  if (_committed) refuse(@"encoding after commit");
  _work.push_back(std::move(work));
}
- (void)keep:(id)object {
  if (object == nil) return;
  if (_kept == nil) _kept = [[NSMutableArray alloc] init];
  [_kept addObject:object];
}
- (void)addCompletedHandler:(MTLCommandBufferHandler)block {
  if (_committed) refuse(@"a handler is added after commit");
  _handlers.push_back([block copy]);
}
- (void)commit {
  if (_committed) refuse(@"committed twice");
  if (_encoders) refuse(@"committed while an encoder is open");
  ++commits;
  _committed = true;
  [self retain];
  const Fault fault = next_fault();
  _worker->post([self, fault] {
    const auto done =
        *_broken ? 0 : static_cast<std::size_t>(static_cast<double>(_work.size()) * fault.done);
    *_broken |= !fault.message.empty();
    for (std::size_t i = 0; i < done; ++i) _work[i]();
    if (!fault.message.empty())
      _error = [[NSError alloc]
          initWithDomain:@"MTLCommandBufferErrorDomain"
                    code:1
                userInfo:[NSDictionary
                             dictionaryWithObject:[NSString
                                                      stringWithUTF8String:fault.message.c_str()]
                                           forKey:NSLocalizedDescriptionKey]];
    _work.clear();  // and what it holds
    [_kept release];
    _kept = nil;
    for (MTLCommandBufferHandler handler : _handlers) handler(self);
    {
      const std::lock_guard lock(completion_mutex);
      _completed = true;
    }
    completion.notify_all();
    [self release];
  });
}
- (void)waitUntilCompleted {
  std::unique_lock lock(completion_mutex);
  completion.wait(lock, [self] { return _completed; });
}
- (NSError*)error {
  return _error;
}
- (id<MTLBlitCommandEncoder>)blitCommandEncoder {
  return [[[StandInBlit alloc] initWithBuffer:self] autorelease];
}
@end

@implementation StandInBlit
- (instancetype)initWithBuffer:(StandInCommandBuffer*)buffer {
  if (!(self = [super init])) return nil;
  _buffer = [buffer retain];
  [_buffer encoderBegins];
  return self;
}
- (void)dealloc {
  if (!_ended) refuse(@"an encoder goes before its end");
  [_buffer release];
  [super dealloc];
}
- (void)endEncoding {
  if (_ended) refuse(@"an encoder ends twice");
  [_buffer encoderEnds];
  _ended = true;
}
- (void)copyFromBuffer:(id<MTLBuffer>)sourceBuffer
          sourceOffset:(NSUInteger)sourceOffset
              toBuffer:(id<MTLBuffer>)destinationBuffer
     destinationOffset:(NSUInteger)destinationOffset
                  size:(NSUInteger)size {
  if (_ended) refuse(@"encoding after the encoder's end");
  if ([sourceBuffer length] < sourceOffset + size ||
      [destinationBuffer length] < destinationOffset + size)
    refuse(@"a copy beyond the end of a buffer");
  if (size % 4 || sourceOffset % 4 || destinationOffset % 4) refuse(@"a copy of parts of words");
  [_buffer keep:sourceBuffer];
  [_buffer keep:destinationBuffer];
  [_buffer encode:[=] {
    std::memcpy(static_cast<char*>([destinationBuffer contents]) + destinationOffset,
                static_cast<const char*>([sourceBuffer contents]) + sourceOffset, size);
  }];
}
- (void)fillBuffer:(id<MTLBuffer>)buffer range:(NSRange)range value:(uint8_t)value {
  if (_ended) refuse(@"encoding after the encoder's end");
  if ([buffer length] < range.location + range.length) refuse(@"filling beyond a buffer's end");
  [_buffer keep:buffer];
  [_buffer encode:[=] {
    std::memset(static_cast<char*>([buffer contents]) + range.location, value, range.length);
  }];
}
@end

namespace metal_double {

int live_command_buffers() { return buffers; }
int committed() { return commits; }

void fail_command_buffer(int nth, const std::string& message, double done) {
  const std::lock_guard lock(faults_mutex);
  faults[nth] = {message, done};
}

}  // namespace metal_double
