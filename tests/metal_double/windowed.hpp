#pragma once

#include "metal_double/graph.hpp"

namespace metal_double {

/// A filter with a window, which its node's padding policy places.
class Windowed : public Filter {
 public:
  Windowed(MPSNNFilterNode* node, MPSCNNKernel* kernel);
  ~Windowed() override;
  mpsnn::Shape result(const std::vector<mpsnn::Shape>& sources) override;

 protected:
  virtual mpsnn::Dim channels(mpsnn::Dim source) const { return source; }
  /// Extents of the zeros around a source of this size, for what the policy said.
  mpsnn::Padding padding(const mpsnn::Shape& source) const;
  static mpsnn::Dim extent(NSUInteger kernel, NSUInteger dilation) {
    return static_cast<mpsnn::Dim>((kernel - 1) * dilation + 1);
  }

  MPSNNFilterNode* node_;  // the graph keeps it
  MPSCNNKernel* kernel_;
  mpsnn::Dim height_ = 0, width_ = 0;  // of the result
};

/// The kernel's window, as this library's ops have it.
mpsnn::Size2 window_of(MPSCNNKernel* kernel);
mpsnn::Size2 stride_of(MPSCNNKernel* kernel);
mpsnn::Size2 dilation_of(MPSCNNKernel* kernel);

}  // namespace metal_double

@interface MPSCNNKernel (StandIn)
- (void)setStandInWindow:(NSUInteger)height
                   width:(NSUInteger)width
                 strideY:(NSUInteger)strideY
                 strideX:(NSUInteger)strideX
               dilationY:(NSUInteger)dilationY
               dilationX:(NSUInteger)dilationX;
@end
