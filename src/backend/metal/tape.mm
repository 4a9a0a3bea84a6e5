#include "backend/metal/tape.hpp"

#include <map>

namespace mpsnn::metal {

MPSNNImageNode* Tape::add(MPSNNFilterNode* filter, std::initializer_list<MPSNNImageNode*> sources,
                          std::vector<bool> differentiable) {
  return add(filter, std::vector<MPSNNImageNode*>(sources), std::move(differentiable));
}

MPSNNImageNode* Tape::add(MPSNNFilterNode* filter, const std::vector<MPSNNImageNode*>& sources,
                          std::vector<bool> differentiable) {
  if (differentiable.empty()) differentiable.assign(sources.size(), true);
  entries_.push_back({keep(filter), sources, std::move(differentiable)});
  return filter.resultImage;
}

Tape::Gradients Tape::differentiate(MPSNNImageNode* result, MPSNNImageNode* dy,
                                    const std::vector<MPSNNImageNode*>& wanted,
                                    MPSImageFeatureChannelFormat format) const {
  Gradients out;
  std::map<MPSNNImageNode*, MPSNNImageNode*> gradient = {{result, dy}};
  const auto made = [&](MPSNNFilterNode* filter) {
    filter.resultImage.format = format;
    out.filters.push_back(keep(filter));
    return filter.resultImage;
  };
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    MPSNNFilterNode* filter = entry->filter;
    const auto at = gradient.find(filter.resultImage);
    if (at == gradient.end()) continue;
    MPSNNImageNode* from = at->second;
    out.read.push_back(from);
    NSArray* filters = entry->sources.size() == 1
                           ? [NSArray arrayWithObject:[filter gradientFilterWithSource:from]]
                           : [filter gradientFiltersWithSources:[NSArray arrayWithObject:from]];
    for (std::size_t i = 0; i < entry->sources.size(); ++i) {
      if (!entry->differentiable[i]) continue;
      MPSNNImageNode* d = made([filters objectAtIndex:i]);
      MPSNNImageNode*& sum = gradient[entry->sources[i]];
      if (sum != nil) {
        out.read.push_back(sum);
        out.read.push_back(d);
        d = made([MPSNNAdditionNode nodeWithLeftSource:sum rightSource:d]);
      }
      sum = d;
    }
  }
  for (MPSNNImageNode* image : wanted) {
    const auto at = gradient.find(image);
    out.of.push_back(at == gradient.end() ? nil : at->second);
  }
  return out;
}

}  // namespace mpsnn::metal
