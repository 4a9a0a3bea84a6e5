#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mpsnn/graph.hpp"
#include "mpsnn/precision.hpp"
#include "mpsnn/trace.hpp"

namespace mpsnn {

/// A parameter, running statistic or optimizer state on the device.
struct Variable {
  std::string name;  ///< The label of its node, e.g. "conv2d_1.weight".
  Shape shape;
  DType dtype;  ///< As the device holds it: float32, or float64 on the reference.
  enum class Kind : std::uint8_t { parameter, statistic, optimizer } kind;
};

/// Where training stands.
struct Progress {
  std::uint64_t step = 0;  ///< Steps completed.
  std::uint64_t seed = 0;  ///< Of dropout.
  LossScale scale = {};    ///< Written only where it is dynamic.
};

/// What the executables of one model share: its variables, on the device, and
/// the queue on which their runs execute one after the other. Thread-safe.
class Session {
 public:
  virtual ~Session() = default;
  virtual std::vector<Variable> variables() const = 0;
  /// What the device computes in: float32, or float64 on the reference.
  virtual DType floating() const = 0;
  /// Copies variables, all at one point between two runs: after those submitted so
  /// far. The arrays have the variables' dtypes; `write` takes float32 and float64.
  /// Returns the progress at that point.
  /// @throws ShapeError if there is no such variable, or dtype or size differ;
  ///     nothing has been written then.
  virtual Progress read(std::span<const std::pair<std::string, HostSpan>> to) = 0;
  virtual void write(std::span<const std::pair<std::string, HostArray>> from,
                     std::optional<Progress> progress = {}) = 0;
  /// Training steps completed, and the seed of dropout.
  virtual std::uint64_t step() const = 0;
  virtual std::uint64_t seed() const = 0;
  virtual LossScale loss_scale() const { return {}; }
  /// Returns when every run submitted so far has ended.
  virtual void wait() = 0;
  /// Whether the caller is the engine, as a completion callback is.
  virtual bool on_engine_thread() const = 0;
};

constexpr int max_threads = 1024;

struct SessionOptions {
  std::uint64_t seed = 0;
  int threads = 0;           ///< Of the host, for kernels, to max_threads; 0: as OpenMP decides.
  std::uint64_t device = 0;  ///< Device::id of a GPU; 0: the backend's own choice.
  LossScale scale = {};      ///< At first.
};

constexpr int max_batch = 1 << 20;
constexpr int max_in_flight = 64;

struct CompileOptions {
  int batch = 1;                     ///< Images per run, 1 to max_batch.
  std::vector<ValueId> outputs;      ///< Values a run may return.
  ValueId loss;                      ///< If present, a run whose loss or input is not finite
                                     ///< fails with NumericError and updates nothing.
  std::shared_ptr<Session> session;  ///< Null: a new one.
  SessionOptions session_options;    ///< Of that new one.
  int in_flight = 2;                 ///< Runs submitted and not done, at most.
  bool optimize = true;              ///< Run the fusion passes of the backend.
  Precision precision = {};
  std::shared_ptr<Trace> trace = nullptr;  ///< Null: nothing is recorded.
};

/// What one run reads and writes.
struct Bindings {
  int images = 0;  ///< Real images, 1 to batch; the rest of the batch is padding.
  /// Batched values first axis `images`; copied before `submit` returns.
  std::vector<std::pair<ValueId, HostArray>> inputs;
  /// Written before the run is done; the caller keeps them alive until then.
  std::vector<std::pair<ValueId, HostSpan>> outputs;
  /// Whether the caller keeps `inputs` alive and unchanged until the run is done, too: they need
  /// not be copied then.
  bool lent = false;
};

/// One submitted execution. Copies share it.
class Run {
 public:
  struct State;
  Run() = default;
  explicit Run(std::shared_ptr<State> state) : state_(std::move(state)) {}
  /// Returns when the run has ended. @throws what the run failed with, at every call.
  void wait() const;
  bool done() const;
  /// Whether it changed nothing because a gradient overflowed: see LossScale. Waits.
  bool skipped() const;
  explicit operator bool() const { return state_ != nullptr; }

 private:
  std::shared_ptr<State> state_;
};

struct MemoryReport {
  std::size_t arena_bytes = 0;      ///< Held for intermediate values.
  std::size_t unshared_bytes = 0;   ///< What they would take without sharing.
  std::size_t scratch_bytes = 0;    ///< Kernels' own, within unshared_bytes as well.
  std::size_t staging_bytes = 0;    ///< For batches in flight.
  std::size_t parameter_bytes = 0;  ///< Parameters and running statistics of the session.
  std::size_t state_bytes = 0;      ///< Optimizer state of the session.
  std::size_t packed_bytes = 0;     ///< Copies of parameters in a kernel's own layout.
};

/// Where one node ran: its line, and the backend's implementation of it.
struct Implementation {
  std::string node;
  std::string name;
};

/// Told of each node that a run has executed: its place in the executable's `graph().nodes()`, and
/// when it began and ended. Called on the engine's thread, within the run: it must be quick, must
/// not throw and may not wait for a run.
using NodeObserver = std::function<void(int node, std::chrono::steady_clock::time_point begin,
                                        std::chrono::steady_clock::time_point end)>;

/// A graph made ready for one device and one batch size. Thread-safe.
class Executable {
 public:
  virtual ~Executable() = default;
  /// Queues one run and returns; blocks while `in_flight` are under way.
  /// `done` is called on the engine's thread when the run has ended.
  /// @throws ShapeError if an input is missing, unknown, or of another size or
  ///     dtype; nothing has run then.
  virtual Run submit(const Bindings& bindings, std::function<void(const Run&)> done = {}) = 0;
  virtual std::shared_ptr<Session> session() const = 0;
  virtual MemoryReport memory_report() const = 0;
  virtual std::vector<Implementation> implementations() const = 0;
  /// From the next run on `observer` is told of the nodes; null, as at first, asks for nothing and
  /// costs nothing. Waits for the runs submitted so far. Returns the one before.
  /// @throws UnsupportedError if the backend does not run node by node.
  virtual NodeObserver observe(NodeObserver observer) = 0;
  /// Executes the same bindings `runs` times, with an observer of its own, and leaves variables and
  /// progress as they were, also after a failure. No other run of the session comes between.
  /// Returns when it is done.
  /// @throws UnsupportedError as `observe`, or if a data source updates itself, which cannot be
  ///     taken back; what `submit` throws, and what a run fails with.
  virtual void rehearse(const Bindings& bindings, int runs, const NodeObserver& observer) = 0;
  /// Time that the engine has spent in this executable's runs so far, rehearsals aside.
  virtual double busy_seconds() const = 0;
  /// The graph that runs, after the backend's passes.
  virtual const Graph& graph() const = 0;
};

/// One way of running graphs. Stateless, so one instance serves the process.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  virtual bool supports(const Node& node) const = 0;
  /// @throws UnsupportedError listing every node that has no kernel here.
  virtual std::unique_ptr<Executable> compile(const Graph& graph,
                                              const CompileOptions& options) const = 0;
};

/// The backends compiled into this library, fastest first; "reference" is last.
std::span<const Backend* const> backends();
/// @throws UnsupportedError naming those that exist. Empty: the fastest.
const Backend& backend(std::string_view name);

/// What a backend can run on.
struct Device {
  enum class Kind : std::uint8_t { processor, integrated, discrete, external };

  std::string backend;
  std::string name;
  Kind kind = Kind::processor;
  bool low_power = false;
  bool headless = true;  ///< Drives no display.
  std::uint64_t id = 0;  ///< Of a GPU, as the system knows it.
  std::uint64_t memory_bytes =
      0;  ///< Of a GPU: what may be in use without slowing down. 0: unknown.
};

/// Those of every backend in this build, in the order of the backends; of each backend the one that
/// it uses by itself comes first.
std::vector<Device> devices();

/// Every backend the project has, and why it is missing where it is.
struct BackendStatus {
  std::string_view name;
  bool available;
  std::string detail;  ///< Of an available one its library's version; else the reason.
};
std::vector<BackendStatus> backend_status();

}  // namespace mpsnn
