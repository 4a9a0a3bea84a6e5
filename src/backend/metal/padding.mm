#include "backend/metal/padding.hpp"

#include "backend/metal/owned.hpp"

@implementation MpsnnPadding
+ (id<MPSNNPadding>)paddingTo:(const mpsnn::Shape&)result
                      offsetY:(NSInteger)y
                      offsetX:(NSInteger)x
                         edge:(MPSImageEdgeMode)edge {
  MpsnnPadding* padding = [[[self alloc] init] autorelease];
  padding->_height = static_cast<NSUInteger>(result[0]);
  padding->_width = static_cast<NSUInteger>(result[1]);
  padding->_y = y;
  padding->_x = x;
  padding->_edge = edge;
  return padding;
}
+ (id<MPSNNPadding>)paddingOfTransposeTo:(const mpsnn::Shape&)result
                                 offsetY:(NSInteger)y
                                 offsetX:(NSInteger)x {
  MpsnnPadding* padding = (MpsnnPadding*)[self paddingTo:result
                                                 offsetY:y
                                                 offsetX:x
                                                    edge:MPSImageEdgeModeZero];
  padding->_transposed = true;
  return padding;
}
- (MPSNNPaddingMethod)paddingMethod {
  return MPSNNPaddingMethodCustom | MPSNNPaddingMethodSizeSame;
}
- (NSString*)label {
  return @"mpsnn";
}
- (MPSImageDescriptor*)destinationImageDescriptorForSourceImages:(NSArray<MPSImage*>*)sourceImages
                                                    sourceStates:(NSArray<MPSState*>*)sourceStates
                                                       forKernel:(MPSKernel*)kernel
                                             suggestedDescriptor:(MPSImageDescriptor*)inDescriptor {
  // Everything is set anew: a kernel keeps what an earlier run has set.
  MPSCNNKernel* window = (MPSCNNKernel*)kernel;
  window.edgeMode = _edge;
  window.offset = _transposed ? MPSOffset{0, 0, 0} : MPSOffset{_x, _y, 0};
  if (_transposed) {
    MPSCNNConvolutionTranspose* transpose = (MPSCNNConvolutionTranspose*)kernel;
    transpose.kernelOffsetX = _x;
    transpose.kernelOffsetY = _y;
  }
  inDescriptor.width = _width;
  inDescriptor.height = _height;
  return inDescriptor;
}
+ (BOOL)supportsSecureCoding {
  return NO;
}
- (void)encodeWithCoder:(NSCoder*)coder {
}
- (id)initWithCoder:(NSCoder*)coder {
  [self release];
  return nil;
}
@end
