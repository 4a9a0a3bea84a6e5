#pragma once

#include "metal_double/graph.hpp"

namespace metal_double {

/// The gradient of the loss of `source`; the loss goes into the labels' loss images.
Tensor loss(Arithmetic& arithmetic, MPSCNNLossDescriptor* descriptor, const Tensor& source,
            MPSStateBatch* labels);

}  // namespace metal_double

@interface MPSCNNLossNode (StandIn)
- (MPSCNNLossDescriptor*)standInDescriptor;
@end
