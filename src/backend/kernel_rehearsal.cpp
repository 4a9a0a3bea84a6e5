#include <set>

#include "backend/kernel_executable.hpp"
#include "mpsnn/errors.hpp"

namespace mpsnn {
namespace {

/// The variables that some steps write, and the progress, as they are now. Made, used and
/// destroyed on the engine's thread.
class Snapshot {
 public:
  Snapshot(KernelSession& session, const std::vector<KernelStep>& steps)
      : session_(session), step_(session.step()), scale_(session.loss_scale()) {
    std::set<StoredVariable*> written;
    for (const KernelStep& step : steps) written.insert(step.writes.begin(), step.writes.end());
    for (StoredVariable* variable : written) {
      std::vector<std::byte> copy(variable->bytes());
      session.memory().download(copy.data(), variable->buffer.get(), copy.size());
      copies_.emplace_back(variable, std::move(copy));
    }
  }
  ~Snapshot() {
    for (const auto& [variable, copy] : copies_) {
      session_.memory().upload(variable->buffer.get(), copy.data(), copy.size());
      ++variable->version;
    }
    session_.restart_at(step_);
    session_.set_loss_scale(scale_);
  }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  KernelSession& session_;
  std::uint64_t step_;
  LossScale scale_;
  std::vector<std::pair<StoredVariable*, std::vector<std::byte>>> copies_;
};

}  // namespace

void KernelExecutable::rehearse(const Bindings& bindings, int runs, const NodeObserver& observer) {
  for (const Node& node : graph_.nodes()) {
    if (std::holds_alternative<HostUpdate>(node.op))
      throw UnsupportedError(str(graph_.print(node),
                                 ": a data source that updates itself cannot take it back, so its "
                                 "steps are not rehearsed"));
  }
  const auto work = [&](const Bindings& lent, int slot) {
    const Snapshot before(*session_, steps_);
    NodeObserver usual = std::exchange(observer_, observer);
    try {
      for (int i = 0; i < runs; ++i) execute(lent, slot);
    } catch (...) {
      observer_ = std::move(usual);
      throw;
    }
    observer_ = std::move(usual);
    return false;
  };
  enqueue(bindings, work, {}).wait();
}

}  // namespace mpsnn
