#pragma once

#include <functional>
#include <memory>
#include <string>

#include "backend/metal/session.hpp"
#include "mpsnn/backend.hpp"

namespace mpsnn::metal {

/// Where a run has its data, and what it is.
struct RunAt {
  int slot = 0;
  int images = 0;
  std::uint64_t step = 0;  ///< Training steps completed before it.
  std::uint64_t seed = 0;
  float loss_scale = 1;
};

/// A graph as the device runs it, with room for so many runs on their way.
class Program {
 public:
  virtual ~Program() = default;
  /// Copies what a run is bound to into a slot that no run uses. On any thread.
  virtual void fill(const Bindings& bindings, int slot) = 0;
  /// Encodes a run and commits it; `landed` is called on a thread of Metal's. On the engine's.
  virtual void start(const RunAt& run, std::function<void(const std::string& error)> landed) = 0;
  /// @throws NumericError if a gradient of the run in this slot, which has landed, was not finite
  ///     and the options name a loss.
  virtual void check(int slot) const = 0;
  /// Puts back the variables that the run in this slot has changed.
  virtual void undo(int slot) = 0;
  /// What the run in this slot computed, of `images` images. It has landed.
  virtual void read(ValueId value, int slot, int images, float* to) = 0;
  /// Bytes for batches on their way.
  virtual std::size_t staging_bytes() const = 0;
};

/// `loss` may be absent; `outputs` are what `read` is asked for.
/// @throws UnsupportedError for what has not been refused before.
std::unique_ptr<Program> make_program(const Graph& graph, const CompileOptions& options,
                                      std::span<const ValueId> outputs, MetalSession& session);

}  // namespace mpsnn::metal
