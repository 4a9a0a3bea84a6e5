#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "mpsnn/backend.hpp"
#include "mpsnn/loss_labels.hpp"
#include "mpsnn/predictor.hpp"
#include "mpsnn/profile.hpp"
#include "mpsnn/training.hpp"

namespace mpsnn {

/// What an image or loss that is not finite does: `raise` refuses the image and
/// fails the step of the loss, which then updates nothing; `propagate` trains on.
enum class NanPolicy : std::uint8_t { raise, propagate };

struct TrainerOptions {
  Optimizer optimizer;
  int batch = 32;
  std::string backend;  ///< Empty: the fastest.
  std::uint64_t seed = 0;
  int threads = 0;  ///< 0: as OpenMP decides.
  NanPolicy nan_policy = NanPolicy::raise;
  int in_flight = 2;
  /// Values of the training graph that every step hands out: intermediate ones, states,
  /// gradients made with add_gradients.
  std::vector<ValueId> exports = {};
  std::uint64_t device = 0;  ///< Device::id of a GPU; 0: the backend's own choice.
  Precision precision = {};
  LossScale scale = {};
  /// Trains ops with Accumulator::half too, which is meant for inference.
  bool half_accumulators = false;
  std::shared_ptr<Trace> trace = nullptr;  ///< Of its steps and inference. Null: none.
};

/// One training step under way. Copies share it.
class Step {
 public:
  struct State;
  explicit Step(std::shared_ptr<State> state) : state_(std::move(state)) {}
  void wait() const;  ///< @throws what the step failed with.
  bool done() const;
  /// Whether a gradient overflowed, so that the step changed nothing but a dynamic loss scale.
  /// Waits.
  bool skipped() const;
  /// One per real image, or one number if the loss has no batch axis. Waits.
  std::span<const float> loss() const;
  /// The values of TrainerOptions::exports, those with a batch axis for the real images. Waits.
  std::span<const HostSpan> exports() const;

 private:
  std::shared_ptr<State> state_;
};

/// A training graph and inference graphs over the same variables. Thread-safe;
/// a call after `close` throws Error. From a completion callback only reading is
/// allowed: a step there would wait for itself.
class Trainer {
 public:
  /// @throws ShapeError if `loss` is not one number, per image or for the batch, or batch < 1.
  Trainer(const Graph& graph, ValueId loss, std::vector<ValueId> outputs,
          const TrainerOptions& options);
  ~Trainer();

  /// Queues one step on `images` (1 to batch) images and returns; blocks while
  /// two are in flight. `done` runs on the engine's thread, also after a failure.
  /// Null labels: a graph with several bind each through `inputs`. A `learning_rate` is of this
  /// step alone.
  Step train_step(int images, const Inputs& inputs, const LossLabels& labels,
                  std::function<void(Step)> done = {}, std::optional<float> learning_rate = {});

  /// What the nodes of `runs` steps on these images take; leaves weights, optimizer state and
  /// step as they are: see mpsnn::profile. Waits.
  Profile profile(int images, const Inputs& inputs, const LossLabels& labels, int runs);

  /// Tells `observer` of every node of the steps from now on: see Executable::observe.
  NodeObserver observe(NodeObserver observer);

  /// Time that compiling the training step took: passes, primitives, allocation.
  double compile_seconds() const;

  /// Runs the inference graph on any number of images. `outputs[i]` receives
  /// images * size values of the i-th output. Waits for the steps before it.
  void infer(int images, const Inputs& inputs, std::span<const HostSpan> outputs);

  /// As `infer`, and the loss of each image, float32 (images,): where the loss has no batch
  /// axis, that of its batch.
  void evaluate(int images, const Inputs& inputs, const LossLabels& labels, HostSpan loss,
                std::span<const HostSpan> outputs);

  float learning_rate() const;
  void set_learning_rate(float rate);  ///< Of the steps submitted from now on.

  std::shared_ptr<Session> session() const;
  std::shared_ptr<const Executable> training_executable() const;
  std::string_view backend() const;
  int batch() const;
  void wait();   ///< For every step submitted.
  void close();  ///< Waits, then releases the device's memory. Idempotent.
  bool closed() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mpsnn
