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
  /// `check`: gradients must be finite.
  HostUpdates(const UpdatePlan& plan, MetalSession& session, bool check);
  /// @throws NumericError, and what a rule in Python throws. On the engine's thread; `rate` is the
  /// run's learning rate, null if nothing asks for it. Changes nothing if it throws.
  void run(Program& program, const RunAt& at, std::optional<float> rate);

 private:
  void copy_in(Program& program, const RunAt& at);
  void copy_out();

  const std::vector<ValueId> gradients_;
  const std::vector<std::string> parameters_;  ///< Of the gradients.
  const bool check_;
  MetalSession& session_;
  std::unique_ptr<Executable> executable_;
  std::vector<std::string> shared_;  ///< Variables of both sessions.
  ValueId rate_;
};

}  // namespace mpsnn::metal
