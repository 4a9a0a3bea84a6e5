#pragma once

#import <MetalPerformanceShaders/MetalPerformanceShaders.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

/// Runs what is given to it, in order, on a thread of its own, as a GPU does.
class StandInWorker {
 public:
  ~StandInWorker();
  void post(std::function<void()> work);

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void()>> work;
    bool ends = false;
  };
  static void run(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::thread thread_{run, state_};
};

@interface StandInQueue : NSObject <MTLCommandQueue> {
  std::shared_ptr<StandInWorker> _worker;
}
@end

/// What kernels of the stand-in encode themselves to.
@protocol StandInEncoding <MTLCommandBuffer>
- (void)encode:(std::function<void()>)work;
/// Until the work is done, or has failed.
- (void)keep:(id)object;
@end

@interface StandInCommandBuffer : NSObject <StandInEncoding> {
  std::shared_ptr<StandInWorker> _worker;
  std::vector<std::function<void()>> _work;
  std::vector<MTLCommandBufferHandler> _handlers;
  NSError* _error;
  NSMutableArray* _kept;
  bool _committed, _completed;
  int _encoders;
  std::shared_ptr<bool> _broken;  ///< A part of the same run has failed: those behind do nothing.
}
- (instancetype)initWithWorker:(std::shared_ptr<StandInWorker>)worker;
/// The next one of the same queue.
- (StandInCommandBuffer*)next;
- (void)encoderBegins;
- (void)encoderEnds;
@end

@interface MPSCommandBuffer (StandIn) <StandInEncoding>
@end

namespace metal_double {

/// Where MPS likes to give the GPU what is encoded so far: commits it, if `buffer` allows that.
void commit_part(id<StandInEncoding> buffer);

}  // namespace metal_double

@interface StandInBlit : NSObject <MTLBlitCommandEncoder> {
  StandInCommandBuffer* _buffer;
  bool _ended;
}
- (instancetype)initWithBuffer:(StandInCommandBuffer*)buffer;
@end
