#include "backend/metal/stage.hpp"

#include "mpsnn/errors.hpp"

namespace mpsnn::metal {

GraphStage::GraphStage(Gpu& gpu, DType format, std::vector<Result> results,
                       const std::vector<MPSNNImageNode*>& leaves)
    : results_(std::move(results)) {
  NSMutableArray* images = [NSMutableArray array];
  std::vector<BOOL> needed;
  for (const Result& result : results_) {
    MPSNNImageNode* node = result.node;
    // The first is handed back by itself; what another graph exports is not for this one.
    node.exportFromGraph = [images count] > 0;
    node.synchronizeResource = YES;
    node.imageAllocator = result.images;
    [images addObject:node];
    needed.push_back(YES);
  }
  for (MPSNNImageNode* leaf : leaves) {
    if ([images containsObject:leaf]) continue;
    [images addObject:leaf];
    needed.push_back(NO);
  }
  graph_ = adopt([[MPSNNGraph alloc] initWithDevice:gpu.device
                                       resultImages:images
                                   resultsAreNeeded:needed.data()]);
  if (!graph_) throw DeviceError("metal: MPS makes no graph of these nodes");
  for (const Result& result : results_) result.node.get().exportFromGraph = NO;
  graph_.get().format = channel_format(format);
  if (!results_.empty()) graph_.get().destinationImageAllocator = results_[0].images;
  for (MpsnnHandle* handle in (NSArray<MpsnnHandle*>*)[graph_.get() sourceImageHandles])
    sources_.push_back([handle value]);
  for (MpsnnHandle* handle in (NSArray<MpsnnHandle*>*)[graph_.get() sourceStateHandles])
    losses_.push_back([handle value]);
}

void GraphStage::encode(id<MTLCommandBuffer> buffer, const RunAt& run, const Images& images,
                        const Labels& labels) const {
  NSMutableArray *batches = [NSMutableArray array], *states = [NSMutableArray array];
  for (int i : sources_) [batches addObject:images(i).get()];
  for (int i : losses_) [states addObject:labels(i).get()];
  for (const Result& result : results_) [result.images.get() useSlot:run.slot images:run.images];
  [graph_.get() encodeBatchToCommandBuffer:buffer
                              sourceImages:batches
                              sourceStates:[states count] ? states : nil
                        intermediateImages:[NSMutableArray array]
                         destinationStates:[NSMutableArray array]];
  for (const Result& result : results_)
    if (![result.images.get() wasUsed])
      throw DeviceError("metal: the graph left a result out that was asked for");
}

}  // namespace mpsnn::metal
