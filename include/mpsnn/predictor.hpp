#pragma once

#include <memory>
#include <vector>

#include "mpsnn/backend.hpp"
#include "mpsnn/loss_labels.hpp"
#include "mpsnn/profile.hpp"
#include "mpsnn/training.hpp"

namespace mpsnn {

using Inputs = std::vector<std::pair<ValueId, HostArray>>;

struct PredictorOptions {
  int batch = 32;       ///< Images per run, at most.
  std::string backend;  ///< Empty: the fastest.
  int threads = 0;      ///< 0: as OpenMP decides.
  /// Whose weights it uses, with the backend that made it. Null: its own, from the data sources.
  std::shared_ptr<Session> session = nullptr;
  std::uint64_t device = 0;  ///< Device::id of a GPU; 0: the backend's own choice.
  Precision precision = {};
  std::shared_ptr<Trace> trace = nullptr;  ///< Of its runs. Null: none.
};

/// Inference alone: what `outputs` need, with dropout gone and batch_norm on running
/// statistics. Weights of a session are known by their labels. Thread-safe.
class Predictor {
 public:
  /// `loss` is an output too, which may be of the whole batch.
  /// @throws ShapeError if an output is not one per image, or batch < 1.
  Predictor(const Graph& graph, std::vector<ValueId> outputs, const PredictorOptions& options,
            ValueId loss = {});
  ~Predictor();

  /// Runs any number of images, a batch at a time. `outputs[i]` receives images * size values of
  /// the i-th output; behind them is the place of the loss, float32 (images,), if there is one.
  /// Null labels: a graph with several binds each through `inputs`.
  void run(int images, const Inputs& inputs, const LossLabels& labels,
           std::span<const HostSpan> outputs);

  /// What the nodes of `runs` runs on 1 to `batch` images take, in the executable for `batch`:
  /// see mpsnn::profile. Waits.
  Profile profile(int images, const Inputs& inputs, int runs);

  /// Of the executable for `batch`.
  MemoryReport memory_report() const;
  std::shared_ptr<Session> session() const;
  std::string_view backend() const;
  int batch() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Every input of `graph` that `executed` reads, with `labels` at their place.
/// @throws ShapeError if there is no such input, or labels are not those of one value.
std::vector<std::pair<ValueId, HostArray>> bind_inputs(const Graph& graph, const Graph& executed,
                                                       const Inputs& inputs,
                                                       const LossLabels& labels);

}  // namespace mpsnn
