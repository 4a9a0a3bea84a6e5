#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "mpsnn/trainer.hpp"

namespace mpsnn {

/// Owns what the engine writes, so a step may be dropped before it has run.
struct Step::State {
  /// Told by the caller and by the engine, whichever comes first.
  void set(const Run& r) {
    const std::lock_guard lock(mutex);
    run = r;
  }
  Run get() {
    const std::lock_guard lock(mutex);
    return run;
  }

  /// Memory for a value, which the engine writes.
  void add_export(const TensorDesc& desc, int images) {
    const std::size_t elements = desc.elements(images);
    memory.push_back(std::make_unique<std::byte[]>(elements * size_of(desc.dtype)));
    exports.push_back({memory.back().get(), desc.dtype, elements});
  }

  std::vector<float> loss;
  std::vector<HostSpan> exports;
  std::vector<std::unique_ptr<std::byte[]>> memory;
  std::mutex mutex;
  Run run;
};

/// @throws ShapeError unless each is one per image of `graph`.
void check_outputs(const Graph& graph, std::span<const ValueId> outputs);

}  // namespace mpsnn
