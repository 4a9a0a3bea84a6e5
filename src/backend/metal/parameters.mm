#include "backend/metal/parameters.hpp"

#include <algorithm>

namespace mpsnn::metal {

bool Parameters::wanted() const {
  return running_mean || running_variance || std::ranges::any_of(tensors, [](const Tensor& t) {
           return t.rule || !t.gradients.empty();
         });
}

bool Parameters::take(id<MTLCommandBuffer> buffer, std::span<const Region> gradients) {
  bool changes = false;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    Tensor& tensor = tensors[i];
    if (!gradients[i].buffer) continue;
    if (!tensor.gradients.empty()) {
      id<MTLBlitCommandEncoder> blit = [buffer blitCommandEncoder];
      copy(blit, gradients[i], tensor.gradients[current.run.slot]);
      [blit endEncoding];
    }
    if (!tensor.rule) continue;
    if (tensor.check >= 0)
      current.finite->encode(buffer, tensor.check, gradients[i], current.run.slot);
    tensor.rule->encode(buffer, gradients[i].vector().get(), current.rates);
    changes = true;
  }
  return changes;
}

void drop_read(MPSState* state) { state.readCount = state.readCount - 1; }

}  // namespace mpsnn::metal
