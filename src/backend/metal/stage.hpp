#pragma once

#include <functional>

#include "backend/metal/losses.hpp"
#include "backend/metal/recycled.hpp"

/// For .mm files alone.
namespace mpsnn::metal {

/// A result of a graph, and where it goes.
struct Result {
  Owned<MPSNNImageNode*> node;
  Owned<MpsnnRecycledImages*> images;
};

/// One MPSNNGraph, of several that make up a graph with sequences.
class GraphStage {
 public:
  /// `leaves` are results that nobody needs, of filters that update parameters.
  GraphStage(Gpu& gpu, DType format, std::vector<Result> results,
             const std::vector<MPSNNImageNode*>& leaves);

  using Images = std::function<Owned<MPSImageBatch*>(int source)>;
  using Labels = std::function<Owned<MPSStateBatch*>(int loss)>;
  /// `images` and `labels` give what the handles of the sources name.
  void encode(id<MTLCommandBuffer> buffer, const RunAt& run, const Images& images,
              const Labels& labels) const;
  /// The device must have finished with it.
  void reload() const { [graph_.get() reloadFromDataSources]; }

 private:
  std::vector<Result> results_;
  std::vector<int> sources_, losses_;
  Owned<MPSNNGraph*> graph_;
};

}  // namespace mpsnn::metal
