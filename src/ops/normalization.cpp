#include "ops/checks.hpp"

namespace mpsnn {

const OpSpec& GroupNorm::spec() { return unwritten(); }
const OpSpec& LayerNorm::spec() { return unwritten(); }
const OpSpec& CrossChannelNorm::spec() { return unwritten(); }
const OpSpec& SpatialNorm::spec() { return unwritten(); }
const OpSpec& LocalContrastNorm::spec() { return unwritten(); }

}  // namespace mpsnn
