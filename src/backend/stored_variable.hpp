#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "backend/device_memory.hpp"
#include "mpsnn/backend.hpp"

namespace mpsnn {

class Derived;

/// A variable and its storage. Touched on the engine's thread only.
struct StoredVariable {
  Variable info;
  /// May be a part of that of others: see KernelSession::add_variables. Null: given up by
  /// `derived`.
  std::shared_ptr<void> buffer;
  std::uint64_t version = 1;   ///< Raised by every write, so that copies know they are stale.
  Derived* derived = nullptr;  ///< What computes it, if it is no variable.
  bool kept = true;            ///< False: read in copies alone, and not there at all times.

  std::size_t bytes() const { return info.shape.size() * size_of(info.dtype); }
};

/// Values computed from variables alone, kept until one of these is written. One that kernels read
/// in copies of their own layouts alone is given up once it is copied, and computed again for a
/// kernel that comes later.
class Derived {
 public:
  /// Writes the outputs' buffers.
  using Compute = std::function<void(const Derived&)>;

  /// `from` has null for inputs that the node lacks.
  Derived(DeviceMemory& memory, std::vector<const StoredVariable*> from,
          std::vector<Variable> outputs);

  const StoredVariable& output(std::size_t i) const { return *outputs_[i]; }
  /// Of the inputs, null where absent, and of the outputs, as a kernel takes them.
  std::vector<void*> inputs_at() const;
  std::vector<void*> outputs_at() const;
  std::size_t bytes() const;

  /// Whoever first asks for these values says how they are computed.
  void set_compute(Compute compute);
  bool stale() const;
  /// Computes all outputs from what the variables are now.
  void refresh();
  /// From here on the output stays in memory: a kernel reads it as it lies.
  void keep(const StoredVariable& output);
  /// Brings back an output that was given up.
  void restore();
  /// Somebody has copied the output.
  void copied(const StoredVariable& output);

 private:
  StoredVariable& find(const StoredVariable& output);
  void allocate();

  DeviceMemory& memory_;
  const std::vector<const StoredVariable*> from_;
  std::vector<std::uint64_t> versions_;  ///< Of `from_`, when they were computed.
  std::vector<std::unique_ptr<StoredVariable>> outputs_;
  Compute compute_;
};

}  // namespace mpsnn
