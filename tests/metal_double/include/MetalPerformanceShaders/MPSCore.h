// Images, states and vectors, as Apple declares them.
#pragma once

#import <Metal/Metal.h>

#include <atomic>
#include <vector>

NS_ASSUME_NONNULL_BEGIN

typedef NS_ENUM(NSUInteger, MPSImageFeatureChannelFormat) {
  MPSImageFeatureChannelFormatNone = 0,
  MPSImageFeatureChannelFormatUnorm8 = 1,
  MPSImageFeatureChannelFormatUnorm16 = 2,
  MPSImageFeatureChannelFormatFloat16 = 3,
  MPSImageFeatureChannelFormatFloat32 = 4,
};

typedef NS_ENUM(NSUInteger, MPSDataLayout) {
  MPSDataLayoutHeightxWidthxFeatureChannels = 0,
  MPSDataLayoutFeatureChannelsxHeightxWidth = 1,
};

typedef NS_ENUM(uint32_t, MPSDataType) {
  MPSDataTypeInvalid = 0,
  MPSDataTypeFloat16 = 268435472,
  MPSDataTypeFloat32 = 268435488,
};

typedef NS_ENUM(NSUInteger, MPSImageEdgeMode) {
  MPSImageEdgeModeZero = 0,
  MPSImageEdgeModeClamp = 1,
  MPSImageEdgeModeMirror = 2,
  MPSImageEdgeModeMirrorWithEdge = 3,
  MPSImageEdgeModeConstant = 4,
};

typedef struct {
  NSInteger x, y, z;
} MPSOffset;

typedef struct MPSImageCoordinate {
  NSUInteger x, y, channel;
} MPSImageCoordinate;

@class MPSImage;
@class MPSState;
typedef NSArray<MPSImage*> MPSImageBatch;
typedef NSArray<MPSState*> MPSStateBatch;

@protocol MPSHandle <NSObject, NSSecureCoding>
- (nullable NSString*)label;
@end

@interface MPSImageDescriptor : NSObject <NSCopying> {
  NSUInteger _width, _height, _featureChannels, _numberOfImages;
  MPSImageFeatureChannelFormat _channelFormat;
}
@property(nonatomic, readwrite) NSUInteger width;
@property(nonatomic, readwrite) NSUInteger height;
@property(nonatomic, readwrite) NSUInteger featureChannels;
@property(nonatomic, readwrite) NSUInteger numberOfImages;
@property(nonatomic, readwrite) MPSImageFeatureChannelFormat channelFormat;
+ (instancetype)imageDescriptorWithChannelFormat:(MPSImageFeatureChannelFormat)format
                                           width:(NSUInteger)width
                                          height:(NSUInteger)height
                                 featureChannels:(NSUInteger)featureChannels;
@end

@interface MPSKernel : NSObject {
  id<MTLDevice> _device;
  NSString* _label;
}
@property(nonatomic, readonly, nullable) id<MTLDevice> device;
@property(nonatomic, readwrite, copy, nullable) NSString* label;
- (instancetype)initWithDevice:(id<MTLDevice>)device;
@end

@interface MPSCommandBuffer : NSObject <MTLCommandBuffer> {
  id<MTLCommandBuffer> _root;
}
+ (instancetype)commandBufferFromCommandQueue:(id<MTLCommandQueue>)queue;
+ (instancetype)commandBufferWithCommandBuffer:(id<MTLCommandBuffer>)buffer;
@property(nonatomic, readonly, nullable) id<MTLCommandBuffer> rootCommandBuffer;
- (instancetype)initWithCommandBuffer:(id<MTLCommandBuffer>)buffer;
- (void)commitAndContinue;
@end

@protocol MPSImageAllocator <NSObject, NSSecureCoding>
- (MPSImage*)imageForCommandBuffer:(id<MTLCommandBuffer>)buffer
                   imageDescriptor:(MPSImageDescriptor*)imageDescriptor
                            kernel:(MPSKernel*)kernel;
@optional
- (MPSImageBatch*)imageBatchForCommandBuffer:(id<MTLCommandBuffer>)buffer
                             imageDescriptor:(MPSImageDescriptor*)imageDescriptor
                                      kernel:(MPSKernel*)kernel
                                       count:(NSUInteger)count;
@end

@interface MPSImage : NSObject {
  id<MTLDevice> _device;
  NSUInteger _width, _height, _featureChannels;
  MPSImageFeatureChannelFormat _featureChannelFormat;
  std::vector<float> _texture;
  std::atomic<bool> _unsynchronized;
}
+ (id<MPSImageAllocator>)defaultAllocator;
@property(nonatomic, readonly, nullable) id<MTLDevice> device;
@property(nonatomic, readonly) NSUInteger width;
@property(nonatomic, readonly) NSUInteger height;
@property(nonatomic, readonly) NSUInteger featureChannels;
@property(nonatomic, readonly) MPSImageFeatureChannelFormat featureChannelFormat;
- (instancetype)initWithDevice:(id<MTLDevice>)device
               imageDescriptor:(MPSImageDescriptor*)imageDescriptor;
- (void)readBytes:(void*)bytes
       dataLayout:(MPSDataLayout)dataLayout
       imageIndex:(NSUInteger)imageIndex;
- (void)writeBytes:(const void*)bytes
        dataLayout:(MPSDataLayout)dataLayout
        imageIndex:(NSUInteger)imageIndex;
- (void)synchronizeOnCommandBuffer:(id<MTLCommandBuffer>)buffer;
@end

@interface MPSState : NSObject {
  NSUInteger _readCount;
  BOOL _temporary;
}
@property(nonatomic, readwrite) NSUInteger readCount;
@property(nonatomic, readonly) BOOL isTemporary;
- (void)synchronizeOnCommandBuffer:(id<MTLCommandBuffer>)buffer;
@end

@interface MPSVectorDescriptor : NSObject {
  NSUInteger _length;
  MPSDataType _dataType;
}
@property(nonatomic, readwrite) NSUInteger length;
@property(nonatomic, readwrite) MPSDataType dataType;
+ (instancetype)vectorDescriptorWithLength:(NSUInteger)length dataType:(MPSDataType)dataType;
@end

@interface MPSVector : NSObject {
  id<MTLBuffer> _data;
  NSUInteger _offset, _length;
  MPSDataType _dataType;
}
@property(nonatomic, readonly, nullable) id<MTLBuffer> data;
@property(nonatomic, readonly) NSUInteger offset;
@property(nonatomic, readonly) NSUInteger length;
@property(nonatomic, readonly) MPSDataType dataType;
- (instancetype)initWithBuffer:(id<MTLBuffer>)buffer descriptor:(MPSVectorDescriptor*)descriptor;
- (instancetype)initWithBuffer:(id<MTLBuffer>)buffer
                        offset:(NSUInteger)offset
                    descriptor:(MPSVectorDescriptor*)descriptor;
@end

NS_ASSUME_NONNULL_END
