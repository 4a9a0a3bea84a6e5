#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <semaphore>

#include "backend/metal/host_updates.hpp"
#include "backend/metal/program.hpp"
#include "backend/staging.hpp"

namespace mpsnn::metal {

/// A graph compiled for a device. Runs start on the engine's thread and land on one of Metal's.
class MetalExecutable final : public Executable {
 public:
  /// On the session's queue.
  MetalExecutable(Graph graph, const CompileOptions& options,
                  std::shared_ptr<MetalSession> session);
  ~MetalExecutable() override;

  Run submit(const Bindings& bindings, std::function<void(const Run&)> done) override;
  std::shared_ptr<Session> session() const override { return session_; }
  MemoryReport memory_report() const override;
  std::vector<Implementation> implementations() const override;
  NodeObserver observe(NodeObserver observer) override;
  void rehearse(const Bindings& bindings, int runs, const NodeObserver& observer) override;
  double busy_seconds() const override { return busy_seconds_; }
  const Graph& graph() const override { return graph_; }

 private:
  class Step;
  void check(const Bindings& bindings) const;
  void check_outputs(const Bindings& bindings) const;
  void check_loss(const RunAt& run);

  const Graph graph_;
  const CompileOptions options_;
  const std::shared_ptr<MetalSession> session_;
  std::vector<Staging> sources_;  ///< Without memory: they check what is bound.
  std::unique_ptr<Program> program_;
  std::unique_ptr<HostUpdates> host_updates_;
  ValueId rate_;
  bool updates_ = false;
  std::atomic<double> busy_seconds_{0};

  std::counting_semaphore<> free_;  ///< Runs that may still be submitted.
  std::mutex submit_;               ///< Keeps slots in the order of the queue.
  std::uint64_t submitted_ = 0;
};

}  // namespace mpsnn::metal
