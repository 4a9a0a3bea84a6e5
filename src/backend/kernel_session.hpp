#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backend/queue.hpp"
#include "backend/stored_variable.hpp"

namespace mpsnn {

/// The Session of every kernel backend.
class KernelSession : public Session {
 public:
  /// `floating` is what the device computes in.
  KernelSession(const SessionOptions& options, std::shared_ptr<DeviceMemory> memory,
                DType floating = DType::float32);
  ~KernelSession() override;

  std::vector<Variable> variables() const override;
  DType floating() const override { return floating_; }
  Progress read(std::span<const std::pair<std::string, HostSpan>> to) override;
  void write(std::span<const std::pair<std::string, HostArray>> from,
             std::optional<Progress> progress) override;
  std::uint64_t step() const override { return step_; }
  std::uint64_t seed() const override { return seed_; }
  LossScale loss_scale() const override;
  void set_loss_scale(const LossScale& scale);
  void wait() override;
  bool on_engine_thread() const override { return queue_.on_thread(); }

  Queue& queue() { return queue_; }
  DeviceMemory& memory() { return *memory_; }
  /// How the device stores `dtype`: float32 becomes float64 on the reference.
  DType storage(DType dtype) const { return dtype == DType::float32 ? floating_ : dtype; }
  /// Before every run, on the engine's thread.
  virtual void begin_run() {}
  /// After it.
  virtual void end_run() {}
  /// Copies n numbers, on any thread. Returns whether all are finite.
  virtual bool copy_finite(const float* from, std::size_t n, float* to);
  void advance() { ++step_; }
  void restart_at(std::uint64_t step) { step_ = step; }

  /// Creates what `graph` names and this session does not have yet, each source
  /// loaded just before its copy and purged right after. Parameters that a concat joins along
  /// their first axis lie side by side, and so are joined already. On the engine's thread.
  void add_variables(const Graph& graph);
  StoredVariable& variable(const std::string& name) { return *variables_.at(name); }
  /// What `key` names, shared by all who ask for it, and gone with the last of them.
  std::shared_ptr<Derived> derived(const std::string& key,
                                   const std::function<std::shared_ptr<Derived>()>& make);
  /// Bytes of copies in kernels' own layouts, and of derived values.
  virtual std::size_t packed_bytes() const;

 private:
  /// @throws ShapeError unless there is such a variable of this size and dtype.
  StoredVariable& checked(std::string_view name, DType dtype, std::size_t elements, bool convert);
  using Places = std::map<std::string, std::shared_ptr<void>>;
  Places side_by_side(const Graph& graph);
  bool create(const Graph& graph, const Node& node, const Places& places);
  void load(const std::vector<const Node*>& nodes);

  std::shared_ptr<DeviceMemory> memory_;
  const DType floating_;
  mutable std::mutex mutex_;  // guards the three below against callers' threads
  LossScale scale_;
  std::map<std::string, std::unique_ptr<StoredVariable>> variables_;
  std::vector<std::string> order_;
  std::map<std::string, std::weak_ptr<Derived>> derived_;
  std::atomic<std::uint64_t> step_{0}, seed_{0};
  Queue queue_;  // last, so that it stops first
};

}  // namespace mpsnn
