#include "ops/checks.hpp"

namespace mpsnn {

const OpSpec& ConvTranspose2d::spec() { return unwritten(); }

}  // namespace mpsnn
