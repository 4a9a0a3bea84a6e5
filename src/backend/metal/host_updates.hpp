#pragma once

#include <memory>
#include <optional>

#include "backend/metal/program.hpp"
#include "backend/metal/updates.hpp"

namespace mpsnn::metal {

/// Updates that a backend of the host does, after a run: the gradients come from the device, and
/// the parameters go back to it.
class HostUpdates {
 public:
  HostUpdates(const UpdatePlan& plan, MetalSession& session);
  /// On the engine's thread; `rate` is the run's learning rate, null if nothing asks for it.
  /// Changes nothing if it throws.
  void run(Program& program, const RunAt& at, std::optional<float> rate);

 private:
  void copy_in(Program& program, const RunAt& at);
  void copy_out();

  const std::vector<ValueId> gradients_;
  MetalSession& session_;
  std::unique_ptr<Executable> executable_;
  std::vector<std::string> shared_;  ///< Variables of both sessions.
  ValueId rate_;
};

}  // namespace mpsnn::metal
