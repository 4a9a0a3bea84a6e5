#pragma once

namespace mpsnn::cpu {

/// Writes the lines of [begin, end) to memory and takes them out of all caches, where the processor
/// has an instruction for many of them at once; else does nothing.
void flush(const float* begin, const float* end);

}  // namespace mpsnn::cpu
