#pragma once

#import <Metal/Metal.h>

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

@interface StandInCommandBuffer : NSObject <MTLCommandBuffer> {
  std::shared_ptr<StandInWorker> _worker;
  std::vector<std::function<void()>> _work;
  std::vector<MTLCommandBufferHandler> _handlers;
  NSError* _error;
  NSMutableArray* _kept;
  bool _committed, _completed;
}
- (instancetype)initWithWorker:(std::shared_ptr<StandInWorker>)worker;
/// What kernels of the stand-in do to encode themselves.
- (void)encode:(std::function<void()>)work;
/// Until the work is done, or has failed.
- (void)keep:(id)object;
@end

@interface StandInBlit : NSObject <MTLBlitCommandEncoder> {
  StandInCommandBuffer* _buffer;
  bool _ended;
}
- (instancetype)initWithBuffer:(StandInCommandBuffer*)buffer;
@end
