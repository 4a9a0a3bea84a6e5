#pragma once

#import <MetalPerformanceShaders/MetalPerformanceShaders.h>

#include <memory>
#include <vector>

#include "metal_double/arithmetic.hpp"
#include "metal_double/command_buffer.hpp"

namespace metal_double {

/// Raises what MPS would assert.
[[noreturn]] void refuse(NSString* format, ...) NS_FORMAT_FUNCTION(1, 2);

/// The states in which a filter hands the gradients of its parameters to a data source. Filled
/// when the GPU runs.
class Gradients {
 public:
  virtual ~Gradients() = default;
  /// From all outputs of the forward pass.
  virtual void forward(const std::vector<Tensor>&) {}
  /// From the gradients of sources and parameters.
  virtual void backward(const std::vector<Tensor>&) {}
};

/// What a node becomes in a graph.
class Filter {
 public:
  virtual ~Filter() = default;
  /// The size of its result, (height, width, channels), for sources of these sizes.
  virtual mpsnn::Shape result(const std::vector<mpsnn::Shape>& sources);
  /// What it computes of sources and parameters. Asked after `result`.
  virtual mpsnn::Op op(const std::vector<mpsnn::Shape>& sources) = 0;
  /// As the GPU holds them.
  std::vector<Tensor> parameters;
  virtual void reload() {}
  virtual bool trains() const { return false; }
  /// For a graph that has its gradient; `images` of a batch.
  virtual std::shared_ptr<Gradients> gradients(int images) {
    (void)images;
    return std::make_shared<Gradients>();
  }
  /// The gradients of the parameters, when each image has its own.
  virtual bool per_image() const { return false; }
  /// Asks the data source for an update of `gradients`, and takes it over.
  virtual void update(id<StandInEncoding> buffer, const std::shared_ptr<Gradients>& gradients) {
    (void)buffer, (void)gradients;
  }
};

/// The size of `op`'s result as an image.
mpsnn::Shape result_of(const mpsnn::Op& op, const std::vector<mpsnn::Shape>& sources,
                       const std::vector<Tensor>& parameters);
/// (height, width, channels) of any value.
mpsnn::Shape as_image(const mpsnn::Shape& shape);

std::vector<float> floats(const float* from, std::size_t count);
void round_to_half(std::vector<float>& values);
float* contents(id<MTLBuffer> buffer);

}  // namespace metal_double

@interface MPSNNFilterNode (StandIn)
- (instancetype)initWithStandInSources:(NSArray<MPSNNImageNode*>*)sources;
- (NSArray<MPSNNImageNode*>*)standInSources;
/// What it is in a graph.
- (std::shared_ptr<metal_double::Filter>)standInFilter:(id<MTLDevice>)device;
- (MPSNNFilterNode*)standInForward;  // of a gradient node
- (NSUInteger)standInIndex;
@end

@interface MPSNNImageNode (StandIn)
- (MPSNNFilterNode*)standInProducer;
@end

@interface MPSImage (StandIn)
- (metal_double::Tensor)standInValues;
- (void)setStandInValues:(const std::vector<float>&)values;
- (void)standInWrittenByGpu;
@end

@interface MPSState (StandIn)
/// Temporary, with a read count of 1.
- (instancetype)initStandInTemporary;
- (void)standInCheckReadOut:(NSString*)by;
@end

@interface MPSCNNConvolutionGradientState (StandIn)
- (instancetype)initStandInOf:(id<MTLDevice>)device
                      weights:(NSUInteger)weights
                       biases:(NSUInteger)biases;
@end

/// Autoreleased.
id<MTLBuffer> StandInBufferOf(id<MTLDevice> device, NSUInteger floats);
