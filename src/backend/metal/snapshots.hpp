#pragma once

#include <vector>

#include "backend/metal/memory.hpp"

/// For .mm files alone.
namespace mpsnn::metal {

/// What the variables were before each run that is on its way and changes them, by its slot.
class Snapshots {
 public:
  Snapshots() = default;
  Snapshots(id<MTLDevice> device, std::vector<Region> variables, int slots);

  /// The first thing in a run.
  void encode(id<MTLCommandBuffer> buffer, int slot);
  /// Puts the variables back. Whatever the run still does must have ended. A run that failed before
  /// its snapshot was whole has changed nothing.
  void restore(int slot) const;
  bool empty() const { return variables_.empty(); }
  std::size_t bytes() const;

 private:
  struct Slot {
    Region saved;  ///< All variables, the first word of each once more, and the mark.
    Region mark;   ///< Of the run, which the device copies last.
    float number = 0;
  };
  std::vector<Region> variables_;
  std::vector<Slot> slots_;
};

}  // namespace mpsnn::metal
