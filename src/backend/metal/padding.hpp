#pragma once

#import <MetalPerformanceShaders/MetalPerformanceShaders.h>

#include "mpsnn/shape.hpp"

/// For .mm files alone.

/// A window placed as the graph has it: the size of the result, and where the first window is.
@interface MpsnnPadding : NSObject <MPSNNPadding> {
  NSUInteger _height, _width;
  NSInteger _y, _x;
  MPSImageEdgeMode _edge;
  bool _transposed;
}
/// The result, and how far the middle of the first window lies from pixel 0 of the source.
+ (id<MPSNNPadding>)paddingTo:(const mpsnn::Shape&)result
                      offsetY:(NSInteger)y
                      offsetX:(NSInteger)x
                         edge:(MPSImageEdgeMode)edge;
/// The same for a transposed convolution, whose window is over the image with zeros between its
/// pixels.
+ (id<MPSNNPadding>)paddingOfTransposeTo:(const mpsnn::Shape&)result
                                 offsetY:(NSInteger)y
                                 offsetX:(NSInteger)x;
@end
