#include "ops/checks.hpp"

namespace mpsnn {

const OpSpec& Reduce::spec() const { return unwritten(); }
const OpSpec& BatchReduce::spec() const { return unwritten(); }

}  // namespace mpsnn
