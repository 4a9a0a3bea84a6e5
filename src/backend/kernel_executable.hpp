#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "backend/kernel_backend.hpp"
#include "backend/run_state.hpp"
#include "backend/slots.hpp"
#include "backend/staging.hpp"
#include "passes/plan_memory.hpp"

namespace mpsnn {

/// One kernel with its addresses, fixed at compile.
struct KernelStep {
  Kernel kernel;
  std::string node;  ///< Its printed line.
  std::string implementation;
  std::vector<void*> in, out;
  void* scratch = nullptr;
  bool writes_loss = false;             ///< The loss is to be checked after it.
  std::optional<Staging> staging;       ///< Of a source node.
  std::vector<StoredVariable*> writes;  ///< Variables that it updates.
  std::shared_ptr<Derived> derived;     ///< What it computes, if only from variables.
};

/// A compiled graph: runs its steps in order on the session's queue.
class KernelExecutable final : public Executable {
 public:
  /// On the session's queue.
  KernelExecutable(const KernelBackend& backend, Graph graph, const CompileOptions& options,
                   std::shared_ptr<KernelSession> session);
  ~KernelExecutable() override;

  Run submit(const Bindings& bindings, std::function<void(const Run&)> done) override;
  std::shared_ptr<Session> session() const override { return session_; }
  MemoryReport memory_report() const override;
  std::vector<Implementation> implementations() const override;
  NodeObserver observe(NodeObserver observer) override;
  void rehearse(const Bindings& bindings, int runs, const NodeObserver& observer) override;
  double busy_seconds() const override { return busy_seconds_; }
  const Graph& graph() const override { return graph_; }
  const MemoryPlan& plan() const { return plan_; }

 private:
  void build(const KernelBackend& backend);
  void place();
  void* address(ValueId value) const;
  bool is_name_of_variable(const Node& node) const;
  bool is_joined(const Node& node);
  std::shared_ptr<Derived> derive(const Node& node);
  void keep_derived(std::span<const ValueId> values);
  void check(const Bindings& bindings) const;
  void check_outputs(const Bindings& bindings) const;
  void with_slot(const std::function<void()>& use);
  void fill(const Bindings& bindings, int slot);
  /// What a run does on the engine's thread with its bindings, and where its inputs are staged.
  /// Returns what `execute` does.
  using Work = std::function<bool(const Bindings& bindings, int slot)>;
  Run enqueue(const Bindings& bindings, Work work, std::function<void(const Run&)> done);
  bool execute(const Bindings& bindings, int slot);
  void run_steps(const RunInfo& info, int slot);
  void check_loss(int images);
  void download(const Bindings& bindings, float scale);

  const Graph graph_;
  const CompileOptions options_;
  const std::shared_ptr<KernelSession> session_;
  std::vector<KernelStep> steps_;
  std::vector<int> node_of_step_;
  std::map<int, const StoredVariable*> stored_;  ///< By value index: variables and derived values.
  const std::set<int> scaled_;                   ///< By value index: see KernelContext::is_scaled.
  std::map<int, void*> joined_;  ///< By value index: parameters side by side, as one.
  MemoryPlan plan_;
  DeviceBuffer arena_;
  bool updates_ = false;
  NodeObserver observer_;                                  ///< Touched on the engine's thread only.
  std::atomic<double> busy_seconds_{0}, last_seconds_{0};  ///< Of all runs, and of the last one.
  std::vector<std::byte> host_loss_;

  Slots slots_;                ///< Runs that may still be submitted.
  mutable std::mutex submit_;  ///< Keeps slots in the order of the queue.
  std::uint64_t submitted_ = 0;
};

/// The kernel of a host_update node, the same for every kernel backend.
Kernel host_update(KernelContext& context);

}  // namespace mpsnn
