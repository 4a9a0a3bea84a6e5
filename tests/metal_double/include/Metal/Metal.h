// What the backend uses of Metal, as Apple declares it.
#pragma once

#import <Foundation/Foundation.h>

typedef NS_ENUM(NSUInteger, MTLDeviceLocation) {
  MTLDeviceLocationBuiltIn = 0,
  MTLDeviceLocationSlot = 1,
  MTLDeviceLocationExternal = 2,
  MTLDeviceLocationUnspecified = NSUIntegerMax,
};

@protocol MTLCommandBuffer;
typedef void (^MTLCommandBufferHandler)(id<MTLCommandBuffer> _Nonnull);

@protocol MTLCommandBuffer <NSObject>
@property(nullable, readonly) NSError* error;
- (void)addCompletedHandler:(_Nonnull MTLCommandBufferHandler)block;
- (void)commit;
- (void)waitUntilCompleted;
@end

@protocol MTLCommandQueue <NSObject>
- (nullable id<MTLCommandBuffer>)commandBuffer;
@end

@protocol MTLDevice <NSObject>
- (nullable id<MTLCommandQueue>)newCommandQueue;
@property(nonnull, readonly) NSString* name;
@property(readonly) unsigned long long registryID;  // Apple's uint64_t
@property(readonly, getter=isLowPower) BOOL lowPower;
@property(readonly, getter=isHeadless) BOOL headless;
@property(readonly, getter=isRemovable) BOOL removable;
@property(readonly) BOOL hasUnifiedMemory;
@property(readonly) MTLDeviceLocation location;
@property(readonly) unsigned long long recommendedMaxWorkingSetSize;
@end

extern "C" {
id<MTLDevice> _Nullable MTLCreateSystemDefaultDevice(void) __attribute__((ns_returns_retained));
NSArray<id<MTLDevice>>* _Nonnull MTLCopyAllDevices(void) __attribute__((ns_returns_retained));
}
