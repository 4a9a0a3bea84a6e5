#include <algorithm>
#include <map>

#include "metal_double/graph.hpp"
#include "metal_double/loss.hpp"

using metal_double::Arithmetic;
using metal_double::Filter;
using metal_double::Gradients;
using metal_double::refuse;
using metal_double::Tensor;
using mpsnn::Shape;

namespace {

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

}  // namespace

struct StandInGraph {
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

  void forward(StandInCommandBuffer* buffer, int index, int images,
               const std::shared_ptr<Values>& values, std::map<MPSNNImageNode*, Shape>& shapes,
               MPSImageFeatureChannelFormat format);
  void backward(StandInCommandBuffer* buffer, int index, const std::shared_ptr<Values>& values,
                std::map<MPSNNImageNode*, Shape>& shapes, MPSImageFeatureChannelFormat format);
  MPSImageBatch* hand_out(StandInCommandBuffer* buffer, MPSNNImageNode* node,
                          id<MPSImageAllocator> allocator, int images, const Shape& shape,
                          const std::shared_ptr<Values>& values,
                          MPSImageFeatureChannelFormat format);
};

void StandInGraph::visit(MPSNNImageNode* image) {
  if (MPSNNFilterNode* producer = [image standInProducer]) {
    visit(producer);
  } else if (std::ranges::find(sources, image) == sources.end()) {
    [kept addObject:image];
    sources.push_back(image);
  }
}

int StandInGraph::visit(MPSNNFilterNode* node) {
  if (const auto it = step_of.find(node); it != step_of.end()) return it->second;
  Step step;
  step.node = node;
  if (MPSNNFilterNode* forward = [node standInForward]) {
    step.forward = visit(forward);
    step.filter = steps[step.forward].filter;
  }
  for (MPSNNImageNode* source in [node standInSources]) visit(source);
  if ([node standInIsLoss])
    losses.push_back(node);
  else if (step.forward < 0)
    step.filter = [node standInFilter:device];
  [kept addObject:node];
  if (node.resultImage.exportFromGraph) exported.push_back(node.resultImage);
  steps.push_back(step);
  return step_of[node] = static_cast<int>(steps.size()) - 1;
}

void StandInGraph::require(MPSNNImageNode* image) {
  if (MPSNNFilterNode* producer = [image standInProducer]) require(step_of.at(producer));
}

void StandInGraph::require(int index) {
  if (steps[index].needed) return;
  steps[index].needed = true;
  if (steps[index].forward >= 0) require(steps[index].forward);
  for (MPSNNImageNode* source in [steps[index].node standInSources]) require(source);
}

/// A filter is there for a needed result, for an image that is exported, or for an update.
void StandInGraph::mark_needed() {
  for (std::size_t i = 0; i < results.size(); ++i)
    if (result_needed[i]) require(results[i]);
  for (MPSNNImageNode* image : exported) require(image);
  for (int i = 0; i < static_cast<int>(steps.size()); ++i)
    if (updates(steps[i])) require(i);
}

namespace {

MPSImageFeatureChannelFormat format_of(MPSNNImageNode* image, MPSImageFeatureChannelFormat graph) {
  return image.format == MPSImageFeatureChannelFormatNone ? graph : image.format;
}

void store(Values& values, MPSNNImageNode* image, Tensor tensor,
           MPSImageFeatureChannelFormat format) {
  tensor.shape = metal_double::as_image(tensor.shape);
  if (format == MPSImageFeatureChannelFormatFloat16) metal_double::round_to_half(tensor.values);
  values.images[image] = std::move(tensor);
}

std::vector<Tensor> operands(Values& values, MPSNNFilterNode* node, const Filter& filter) {
  std::vector<Tensor> in;
  for (MPSNNImageNode* source in [node standInSources]) in.push_back(values.images.at(source));
  in.insert(in.end(), filter.parameters.begin(), filter.parameters.end());
  return in;
}

Tensor image_of(const Tensor& batch, int i) {
  if (batch.images == 0) return batch;
  const auto size = static_cast<std::size_t>(batch.shape.size());
  return {
      batch.shape, 1,
      std::vector<float>(batch.values.begin() + i * size, batch.values.begin() + (i + 1) * size)};
}

}  // namespace

void StandInGraph::forward(StandInCommandBuffer* buffer, int index, int images,
                           const std::shared_ptr<Values>& values,
                           std::map<MPSNNImageNode*, Shape>& shapes,
                           MPSImageFeatureChannelFormat format) {
  const Step& step = steps[index];
  std::vector<Shape> from;
  for (MPSNNImageNode* source in [step.node standInSources]) from.push_back(shapes.at(source));
  const bool trained =
      std::ranges::any_of(steps, [&](const Step& s) { return s.needed && s.forward == index; });
  if (trained) values->gradients[index] = step.filter->gradients(images);
  MPSNNImageNode* result = step.node.resultImage;
  shapes[result] = step.filter->result(from);
  const mpsnn::Op op = step.filter->op(from);
  const MPSImageFeatureChannelFormat to = format_of(result, format);
  [buffer encode:[this, index, values, op, result, to] {
    const Step& s = steps[index];
    std::vector<Tensor> out = arithmetic.forward(op, operands(*values, s.node, *s.filter));
    if (const auto it = values->gradients.find(index); it != values->gradients.end())
      it->second->forward(out);
    store(*values, result, std::move(out[0]), to);
  }];
}

void StandInGraph::backward(StandInCommandBuffer* buffer, int index,
                            const std::shared_ptr<Values>& values,
                            std::map<MPSNNImageNode*, Shape>& shapes,
                            MPSImageFeatureChannelFormat format) {
  const Step& step = steps[index];
  MPSNNFilterNode* forward = steps[step.forward].node;
  std::vector<Shape> from;
  for (MPSNNImageNode* source in [forward standInSources]) from.push_back(shapes.at(source));
  (void)step.filter->result(from);
  const mpsnn::Op op = step.filter->op(from);
  MPSNNImageNode *dy = [[step.node standInSources] objectAtIndex:0], *dx = step.node.resultImage;
  const NSUInteger which = [step.node standInIndex];
  if (shapes.at(dy) != shapes.at(forward.resultImage))
    refuse(@"%@: the gradient is of another size than the result", [forward class]);
  shapes[dx] = from[which];
  const MPSImageFeatureChannelFormat to = format_of(dx, format);
  [buffer encode:[this, index, forward, values, op, dy, dx, which, to] {
    const Step& s = steps[index];
    Tensor gradient = values->images.at(dy);
    std::vector<Tensor> in = operands(*values, forward, *s.filter);
    const std::size_t parts = s.filter->per_image() ? gradient.images : 1;
    Tensor all{in[which].shape, gradient.images, {}};
    for (std::size_t i = 0; i < parts; ++i) {
      std::vector<Tensor> one;
      for (const Tensor& t : in) one.push_back(parts == 1 ? t : image_of(t, i));
      Tensor part = parts == 1 ? gradient : image_of(gradient, i);
      part.shape = arithmetic.forward(op, one)[0].shape;
      const std::vector<Tensor> out = arithmetic.gradient(op, one, part);
      all.values.insert(all.values.end(), out[which].values.begin(), out[which].values.end());
      values->gradients.at(s.forward)->backward(
          {out.begin() + static_cast<long>([[forward standInSources] count]) - 1, out.end()});
    }
    store(*values, dx, std::move(all), to);
  }];
  if (updates(step)) step.filter->update(buffer, values->gradients.at(step.forward));
}

/// Images of the allocator, into which the GPU copies a value.
MPSImageBatch* StandInGraph::hand_out(StandInCommandBuffer* buffer, MPSNNImageNode* node,
                                      id<MPSImageAllocator> allocator, int images,
                                      const Shape& shape, const std::shared_ptr<Values>& values,
                                      MPSImageFeatureChannelFormat format) {
  if (allocator == nil) return [NSArray array];  // temporary ones, of which nothing is left
  MPSImageDescriptor* descriptor =
      [MPSImageDescriptor imageDescriptorWithChannelFormat:format_of(node, format)
                                                     width:static_cast<NSUInteger>(shape[1])
                                                    height:static_cast<NSUInteger>(shape[0])
                                           featureChannels:static_cast<NSUInteger>(shape[2])];
  MPSKernel* kernel = [[[MPSKernel alloc] initWithDevice:device] autorelease];
  MPSImageBatch* batch = [allocator imageBatchForCommandBuffer:buffer
                                               imageDescriptor:descriptor
                                                        kernel:kernel
                                                         count:static_cast<NSUInteger>(images)];
  if ([batch count] != static_cast<NSUInteger>(images))
    refuse(@"the allocator made too few images");
  for (MPSImage* image in batch)
    if (image.width != descriptor.width || image.height != descriptor.height ||
        image.featureChannels != descriptor.featureChannels ||
        image.featureChannelFormat != descriptor.channelFormat)
      refuse(@"the allocator made images of another size or format");
  [buffer keep:batch];
  const bool synchronized = node.synchronizeResource;
  [buffer encode:[batch, node, values, synchronized] {
    const Tensor& all = values->images.at(node);
    for (NSUInteger i = 0; i < [batch count]; ++i) {
      MPSImage* image = [batch objectAtIndex:i];
      [image setStandInValues:image_of(all, static_cast<int>(i)).values];
      if (!synchronized) [image standInWrittenByGpu];
    }
  }];
  return batch;
}

namespace {

id name_of(id<MPSHandle> handle) { return handle == nil ? (id)[NSNull null] : handle; }

}  // namespace

@implementation MPSNNGraph
@synthesize format = _format, destinationImageAllocator = _destinationImageAllocator;
- (instancetype)initWithDevice:(id<MTLDevice>)device
                  resultImages:(NSArray<MPSNNImageNode*>*)resultImages
              resultsAreNeeded:(BOOL*)resultsAreNeeded {
  if (!(self = [self initWithDevice:device])) return nil;
  _format = MPSImageFeatureChannelFormatFloat16;
  _graph = std::make_shared<StandInGraph>();
  _graph->device = device;
  for (NSUInteger i = 0; i < [resultImages count]; ++i) {
    MPSNNImageNode* image = [resultImages objectAtIndex:i];
    _graph->visit(image);
    _graph->results.push_back(image);
    _graph->result_needed.push_back(!resultsAreNeeded || resultsAreNeeded[i]);
  }
  _graph->mark_needed();
  return self;
}
- (void)dealloc {
  [_destinationImageAllocator release];
  [super dealloc];
}
- (NSArray<id<MPSHandle>>*)sourceImageHandles {
  NSMutableArray* all = [NSMutableArray array];
  for (MPSNNImageNode* node : _graph->sources) [all addObject:name_of(node.handle)];
  return all;
}
- (NSArray<id<MPSHandle>>*)sourceStateHandles {
  NSMutableArray* all = [NSMutableArray array];
  for (MPSNNFilterNode* node : _graph->losses) [all addObject:name_of([node standInLabels].handle)];
  return all;
}
- (NSArray<id<MPSHandle>>*)intermediateImageHandles {
  NSMutableArray* all = [NSMutableArray array];
  for (MPSNNImageNode* node : _graph->exported) [all addObject:name_of(node.handle)];
  return all;
}
- (BOOL)resultImageIsNeeded {
  return _graph->result_needed[0];
}
- (void)reloadFromDataSources {
  if (!_graph->last.expired()) refuse(@"weights are reloaded while the GPU works");
  for (const Step& step : _graph->steps)
    if (step.forward < 0 && step.filter) step.filter->reload();
}
- (MPSImageBatch*)encodeBatchToCommandBuffer:(id<MTLCommandBuffer>)commandBuffer
                                sourceImages:(NSArray<MPSImageBatch*>*)sourceImages
                                sourceStates:(NSArray<MPSStateBatch*>*)sourceStates
                          intermediateImages:(NSMutableArray<MPSImageBatch*>*)intermediateImages
                           destinationStates:(NSMutableArray<MPSStateBatch*>*)destinationStates {
  StandInCommandBuffer* buffer = (StandInCommandBuffer*)commandBuffer;
  StandInGraph& g = *_graph;
  if ([sourceImages count] != g.sources.size() || [sourceStates count] != g.losses.size())
    refuse(@"a graph of %d images and %d labels is given %d and %d", (int)g.sources.size(),
           (int)g.losses.size(), (int)[sourceImages count], (int)[sourceStates count]);
  const int images = static_cast<int>([[sourceImages objectAtIndex:0] count]);
  auto values = std::make_shared<Values>();
  std::map<MPSNNImageNode*, Shape> shapes;
  for (std::size_t i = 0; i < g.sources.size(); ++i) {
    MPSImageBatch* batch = [sourceImages objectAtIndex:i];
    if (static_cast<int>([batch count]) != images) refuse(@"batches of different sizes");
    MPSImage* first = [batch objectAtIndex:0];
    MPSNNImageNode* node = g.sources[i];
    shapes[node] = {static_cast<mpsnn::Dim>(first.height), static_cast<mpsnn::Dim>(first.width),
                    static_cast<mpsnn::Dim>(first.featureChannels)};
    [buffer keep:batch];
    [buffer encode:[batch, node, values] {
      Tensor all{{}, static_cast<int>([batch count]), {}};
      for (MPSImage* image in batch) {
        const Tensor one = [image standInValues];
        all.shape = one.shape;
        all.values.insert(all.values.end(), one.values.begin(), one.values.end());
      }
      values->images[node] = std::move(all);
    }];
  }
  std::shared_ptr<StandInGraph> keep = _graph;
  for (int i = 0; i < static_cast<int>(g.steps.size()); ++i) {
    Step& step = g.steps[i];
    if (!step.needed) continue;
    if (step.forward >= 0) {
      g.backward(buffer, i, values, shapes, _format);
    } else if (step.filter) {
      g.forward(buffer, i, images, values, shapes, _format);
    } else {
      MPSNNFilterNode* loss = step.node;
      const std::size_t which = std::ranges::find(g.losses, loss) - g.losses.begin();
      MPSNNImageNode *source = [[loss standInSources] objectAtIndex:0], *out = loss.resultImage;
      shapes[out] = shapes.at(source);
      MPSStateBatch* labels = [sourceStates objectAtIndex:which];
      [buffer keep:labels];
      if (static_cast<int>([labels count]) != images) refuse(@"labels for another batch");
      const auto format = format_of(out, _format);
      const mpsnn::Op op = [loss standInLossOf:shapes.at(source)];
      [buffer encode:[keep, values, op, labels, source, out, format] {
        store(*values, out,
              metal_double::loss(keep->arithmetic, op, values->images.at(source), labels), format);
      }];
    }
  }
  const auto busy = std::make_shared<int>();
  g.last = busy;
  [buffer encode:[keep, busy] {}];  // what was encoded needs the graph
  MPSImageBatch* result = nil;
  for (MPSNNImageNode* node : g.exported) {
    if (node == g.results[0]) continue;
    [intermediateImages addObject:g.hand_out(buffer, node, node.imageAllocator, images,
                                             shapes.at(node), values, _format)];
  }
  if (g.result_needed[0])
    result = g.hand_out(buffer, g.results[0], _destinationImageAllocator, images,
                        shapes.at(g.results[0]), values, _format);
  return result;
}
@end
