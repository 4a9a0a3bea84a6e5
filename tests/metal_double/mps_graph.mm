#include <algorithm>

#include "metal_double/graph_steps.hpp"
#include "metal_double/loss.hpp"

using metal_double::format_of;
using metal_double::refuse;
using metal_double::Step;
using metal_double::store;
using metal_double::Tensor;
using metal_double::Values;
using mpsnn::Shape;

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
  id<StandInEncoding> buffer = (id<StandInEncoding>)commandBuffer;
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
    if (i % 2 == 1) metal_double::commit_part(buffer);
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
