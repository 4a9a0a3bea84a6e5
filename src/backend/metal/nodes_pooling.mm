#include "backend/metal/padding.hpp"
#include "backend/metal/translation.hpp"
#include "ops/window.hpp"

namespace mpsnn::metal {
namespace {

void place(MPSNNFilterNode* node, NodeContext& c, const Window2& window, Size2 kernel,
           Size2 dilation, Edge edge) {
  const auto offset = [](Dim k, Dim d, const Window& w) {
    return static_cast<NSInteger>(((k - 1) * d + 1) / 2 - w.before);
  };
  node.paddingPolicy =
      [MpsnnPadding paddingTo:c.out()
                      offsetY:offset(kernel.h, dilation.h, window.h)
                      offsetX:offset(kernel.w, dilation.w, window.w)
                         edge:edge == Edge::zero ? MPSImageEdgeModeZero : MPSImageEdgeModeClamp];
}

MPSCNNPoolingNode* pooling(Class kind, MPSNNImageNode* x, Size2 kernel, Size2 stride) {
  return [[(MPSCNNPoolingNode*)[kind alloc] initWithSource:x
                                               kernelWidth:static_cast<NSUInteger>(kernel.w)
                                              kernelHeight:static_cast<NSUInteger>(kernel.h)
                                           strideInPixelsX:static_cast<NSUInteger>(stride.w)
                                           strideInPixelsY:static_cast<NSUInteger>(stride.h)]
      autorelease];
}

MPSNNImageNode* max_pool2d(NodeContext& c) {
  const auto& op = c.op<MaxPool2d>();
  MPSNNImageNode* x = c.image(0);
  MPSNNFilterNode* node = nil;
  if (op.dilation == Size2{})
    node = pooling([MPSCNNPoolingMaxNode class], x, op.kernel, op.stride);
  else
    node = [[[MPSCNNDilatedPoolingMaxNode alloc]
         initWithSource:x
            kernelWidth:static_cast<NSUInteger>(op.kernel.w)
           kernelHeight:static_cast<NSUInteger>(op.kernel.h)
        strideInPixelsX:static_cast<NSUInteger>(op.stride.w)
        strideInPixelsY:static_cast<NSUInteger>(op.stride.h)
          dilationRateX:static_cast<NSUInteger>(op.dilation.w)
          dilationRateY:static_cast<NSUInteger>(op.dilation.h)] autorelease];
  place(node, c, Window2(c.raw(0), op.kernel, op.stride, op.dilation, op.padding), op.kernel,
        op.dilation, op.edge);
  return c.tape.add(node, {x});
}

MPSNNImageNode* avg_pool2d(NodeContext& c) {
  const auto& op = c.op<AvgPool2d>();
  MPSNNImageNode* x = c.image(0);
  MPSNNFilterNode* node = pooling([MPSCNNPoolingAverageNode class], x, op.kernel, op.stride);
  place(node, c, Window2(c.raw(0), op.kernel, op.stride, {}, op.padding), op.kernel, {}, op.edge);
  return c.tape.add(node, {x});
}

MPSNNImageNode* l2_pool2d(NodeContext& c) {
  const auto& op = c.op<L2Pool2d>();
  MPSNNImageNode* x = c.image(0);
  MPSNNFilterNode* node = pooling([MPSCNNPoolingL2NormNode class], x, op.kernel, op.stride);
  place(node, c, Window2(c.raw(0), op.kernel, op.stride, {}, op.padding), op.kernel, {},
        Edge::zero);
  return c.tape.add(node, {x});
}

}  // namespace

NodeTable pooling_nodes() {
  return {on<MaxPool2d>(max_pool2d), on<AvgPool2d>(avg_pool2d), on<L2Pool2d>(l2_pool2d)};
}

}  // namespace mpsnn::metal
