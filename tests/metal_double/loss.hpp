#pragma once

#include "metal_double/graph.hpp"

namespace metal_double {

/// The gradient of the loss `op` of `source`; the loss goes into the labels' loss images.
Tensor loss(Arithmetic& arithmetic, const mpsnn::Op& op, const Tensor& source,
            MPSStateBatch* labels);

}  // namespace metal_double

/// Of a node that is a loss and its gradient in one.
@interface MPSNNFilterNode (Loss)
- (bool)standInIsLoss;
- (MPSNNLabelsNode*)standInLabels;
- (mpsnn::Op)standInLossOf:(const mpsnn::Shape&)source;
@end
