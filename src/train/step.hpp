#pragma once

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

  std::vector<float> loss;
  std::mutex mutex;
  Run run;
};

}  // namespace mpsnn
