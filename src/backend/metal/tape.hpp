#pragma once

#import <MetalPerformanceShaders/MetalPerformanceShaders.h>

#include <vector>

#include "backend/metal/owned.hpp"

/// For .mm files alone.
namespace mpsnn::metal {

/// The filters that make up one node of a graph, in order, so that their gradients follow by
/// themselves.
class Tape {
 public:
  /// Notes `filter`, and returns its result. `differentiable` says from which of its sources the
  /// gradient is wanted; by default from all.
  MPSNNImageNode* add(MPSNNFilterNode* filter, std::initializer_list<MPSNNImageNode*> sources,
                      std::vector<bool> differentiable = {});
  MPSNNImageNode* add(MPSNNFilterNode* filter, const std::vector<MPSNNImageNode*>& sources,
                      std::vector<bool> differentiable = {});

  /// What `differentiate` makes.
  struct Gradients {
    std::vector<Owned<MPSNNFilterNode*>> filters;
    std::vector<MPSNNImageNode*> of;    ///< In the order of `wanted`; nil where there is none.
    std::vector<MPSNNImageNode*> read;  ///< Images that a filter reads.
  };
  /// The gradients of `wanted` for `dy`, that of `result`, as images of this format.
  Gradients differentiate(MPSNNImageNode* result, MPSNNImageNode* dy,
                          const std::vector<MPSNNImageNode*>& wanted,
                          MPSImageFeatureChannelFormat format) const;
  /// Keeps the filters beyond the tape.
  void keep_filters(std::vector<Owned<NSObject*>>& in) const {
    for (const Entry& entry : entries_) in.push_back(entry.filter);
  }

 private:
  struct Entry {
    Owned<MPSNNFilterNode*> filter;
    std::vector<MPSNNImageNode*> sources;
    std::vector<bool> differentiable;
  };
  std::vector<Entry> entries_;
};

}  // namespace mpsnn::metal
