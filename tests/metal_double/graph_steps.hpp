#pragma once

#include <map>

#include "metal_double/graph.hpp"

namespace metal_double {

struct Step {
  MPSNNFilterNode* node;
  std::shared_ptr<Filter> filter;  ///< Of the forward node where this is a gradient.
  int forward = -1;                ///< The step of the forward node.
  bool needed = false;
};

/// What one encoding of a graph leaves for the GPU's thread.
struct Values {
  std::map<MPSNNImageNode*, Tensor> images;
  std::map<int, std::shared_ptr<Gradients>> gradients;  ///< By forward step.
};

}  // namespace metal_double

struct StandInGraph {
  using Arithmetic = metal_double::Arithmetic;
  using Shape = mpsnn::Shape;
  using Step = metal_double::Step;
  using Values = metal_double::Values;

  id<MTLDevice> device;
  NSMutableArray* kept = [[NSMutableArray alloc] init];  ///< Nodes.
  std::vector<Step> steps;
  std::vector<MPSNNImageNode*> sources, results, exported;
  std::vector<MPSNNFilterNode*> losses;
  std::vector<bool> result_needed;
  std::map<MPSNNFilterNode*, int> step_of;
  Arithmetic arithmetic;
  std::weak_ptr<void> last;  ///< What the last command buffer that was encoded keeps until it ran.

  ~StandInGraph() { [kept release]; }

  void visit(MPSNNImageNode* image);
  int visit(MPSNNFilterNode* node);
  void mark_needed();
  void require(MPSNNImageNode* image);
  void require(int step);
  bool updates(const Step& s) const { return s.forward >= 0 && s.filter->trains(); }

  void forward(id<StandInEncoding> buffer, int index, int images,
               const std::shared_ptr<Values>& values, std::map<MPSNNImageNode*, Shape>& shapes,
               MPSImageFeatureChannelFormat format);
  void backward(id<StandInEncoding> buffer, int index, const std::shared_ptr<Values>& values,
                std::map<MPSNNImageNode*, Shape>& shapes, MPSImageFeatureChannelFormat format);
  MPSImageBatch* hand_out(id<StandInEncoding> buffer, MPSNNImageNode* node,
                          id<MPSImageAllocator> allocator, int images, const Shape& shape,
                          const std::shared_ptr<Values>& values,
                          MPSImageFeatureChannelFormat format);
};

namespace metal_double {

MPSImageFeatureChannelFormat format_of(MPSNNImageNode* image, MPSImageFeatureChannelFormat graph);
/// In the format of the image.
void store(Values& values, MPSNNImageNode* image, Tensor tensor,
           MPSImageFeatureChannelFormat format);

}  // namespace metal_double
