#include <atomic>

#include "metal_double/command_buffer.hpp"
#include "metal_double/control.hpp"

namespace {

std::atomic<int> raises_behind{0};

}  // namespace

@implementation MPSCommandBuffer
+ (instancetype)commandBufferFromCommandQueue:(id<MTLCommandQueue>)queue {
  return [self commandBufferWithCommandBuffer:[queue commandBuffer]];
}
+ (instancetype)commandBufferWithCommandBuffer:(id<MTLCommandBuffer>)buffer {
  return [[[self alloc] initWithCommandBuffer:buffer] autorelease];
}
- (instancetype)initWithCommandBuffer:(id<MTLCommandBuffer>)buffer {
  if (!(self = [super init])) return nil;
  _root = [(StandInCommandBuffer*)buffer retain];
  return self;
}
- (void)dealloc {
  [_root release];
  [super dealloc];
}
- (id<MTLCommandBuffer>)rootCommandBuffer {
  return _root;
}
- (void)commitAndContinue {
  StandInCommandBuffer* root = (StandInCommandBuffer*)_root;
  _root = [[root next] retain];
  [root commit];
  [root release];
  if (raises_behind > 0 && --raises_behind == 0)
    [NSException raise:NSInternalInconsistencyException format:@"MPS: planted"];
}
- (void)addCompletedHandler:(MTLCommandBufferHandler)block {
  [_root addCompletedHandler:block];
}
- (void)commit {
  [_root commit];
}
- (void)waitUntilCompleted {
  [_root waitUntilCompleted];
}
- (NSError*)error {
  return [_root error];
}
- (id<MTLBlitCommandEncoder>)blitCommandEncoder {
  return [_root blitCommandEncoder];
}
- (void)encode:(std::function<void()>)work {
  [(StandInCommandBuffer*)_root encode:std::move(work)];
}
- (void)keep:(id)object {
  [(StandInCommandBuffer*)_root keep:object];
}
@end

namespace metal_double {

void commit_part(id<StandInEncoding> buffer) {
  if ([(NSObject*)buffer isKindOfClass:[MPSCommandBuffer class]])
    [(MPSCommandBuffer*)buffer commitAndContinue];
}

void raise_behind_a_part(int nth) { raises_behind = nth; }

}  // namespace metal_double
