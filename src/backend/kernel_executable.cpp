#include "backend/kernel_executable.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "backend/node_kinds.hpp"
#include "mpsnn/errors.hpp"
#include "passes/check_gradients.hpp"

namespace mpsnn {
namespace {

using Clock = std::chrono::steady_clock;

/// Adds its own life to `total`.
class Timer {
 public:
  Timer(std::atomic<double>& total, std::atomic<double>& last) : total_(total), last_(last) {}
  ~Timer() { total_ += last_ = std::chrono::duration<double>(Clock::now() - start_).count(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  std::atomic<double>&total_, &last_;
  const Clock::time_point start_ = Clock::now();
};

}  // namespace

KernelExecutable::KernelExecutable(const KernelBackend& backend, Graph graph,
                                   const CompileOptions& options,
                                   std::shared_ptr<KernelSession> session)
    : graph_(std::move(graph)),
      options_(options),
      session_(std::move(session)),
      scaled_(scaled_gradients(graph_)),
      slots_(options.in_flight) {
  session_->add_variables(graph_);
  for (const Node& node : graph_.nodes()) {
    updates_ |= write_count(node) > 0;
    if (is_variable(node)) stored_[node.outputs[0].index] = &session_->variable(node.label);
  }
  build(backend);
  place();
  if (options_.loss) host_loss_.resize(options_.batch * size_of(session_->storage(DType::float32)));
}

KernelExecutable::~KernelExecutable() {
  try {
    session_->queue().run([] {});
  } catch (...) {  // a forked child: nothing runs here
  }
}

void KernelExecutable::check(const Bindings& bindings) const {
  if (bindings.images < 1 || bindings.images > options_.batch)
    throw ShapeError(
        str("images: batch must be 1 to ", options_.batch, " images, got ", bindings.images));
  for (const KernelStep& step : steps_) {
    if (step.staging) step.staging->check(bindings);
  }
  for (const auto& [id, array] : bindings.inputs) {
    if (!graph_.has(id) || !is_source(graph_.producer(id)))
      throw ShapeError(str("value ", id.index, " is not an input of this graph"));
  }
  check_outputs(bindings);
}

void KernelExecutable::check_outputs(const Bindings& bindings) const {
  for (const auto& [id, to] : bindings.outputs) {
    if (std::ranges::count(options_.outputs, id) == 0)
      throw ShapeError(str("value ", id.index, " is not an output of this executable"));
    const TensorDesc& d = graph_.desc(id);
    if (to.dtype != session_->storage(d.dtype) && to.dtype != d.dtype)
      throw ShapeError(str("output ", id.index, ": dtype must be ", d.dtype, ", got ", to.dtype));
    if (to.elements != d.elements(bindings.images))
      throw ShapeError(str("output ", id.index, ": needs ", d.elements(bindings.images),
                           " elements, got ", to.elements));
  }
}

Run KernelExecutable::submit(const Bindings& bindings, std::function<void(const Run&)> done) {
  const auto timed = [this](const Bindings& lent, int slot) {
    const Timer timer(busy_seconds_, last_seconds_);
    return execute(lent, slot);
  };
  return enqueue(bindings, timed, std::move(done));
}

Run KernelExecutable::enqueue(const Bindings& bindings, Work work,
                              std::function<void(const Run&)> done) {
  check(bindings);
  if (session_->queue().on_thread())
    throw Error("a step cannot be submitted from a completion callback: it would wait for itself");
  session_->queue().check_process();
  auto state = std::make_shared<Run::State>();
  state->is_brief = std::chrono::duration<double>(last_seconds_) < looking_time;
  with_slot([&] {
    const std::lock_guard lock(submit_);
    const int slot = static_cast<int>(submitted_ % options_.in_flight);
    fill(bindings, slot);
    Bindings rest{bindings.images, {}, bindings.outputs};
    session_->queue().post([this, rest = std::move(rest), slot, number = submitted_, state,
                            work = std::move(work), done = std::move(done)] {
      std::exception_ptr error;
      bool skipped = false;
      try {
        const TraceScope running(options_.trace.get(), "engine", updates_ ? "step" : "infer",
                                 number);
        session_->begin_run();
        skipped = work(rest, slot);
      } catch (const std::bad_alloc&) {
        error = std::make_exception_ptr(DeviceError("not enough memory to run this step"));
      } catch (...) {
        error = std::current_exception();
      }
      session_->end_run();
      // First, as who waits for this run may start the next one at once.
      slots_.give_back();
      state->finish(error, skipped);
      if (done) done(Run(state));
    });
    ++submitted_;
  });
  return Run(state);
}

/// Calls `use` with a slot taken, on this thread or on the engine's.
void KernelExecutable::with_slot(const std::function<void()>& use) {
  if (!slots_.try_take()) {
    const TraceScope waiting(options_.trace.get(), "caller", "wait for a place");
    return slots_.wait(use);
  }
  try {
    use();
  } catch (...) {
    slots_.give_back();
    throw;
  }
}

void KernelExecutable::fill(const Bindings& bindings, int slot) {
  const char* row = session_->queue().on_thread() ? "engine" : "caller";
  const TraceScope copying(options_.trace.get(), row, "copy batch", submitted_);
  for (KernelStep& step : steps_) {
    if (step.staging) step.staging->fill(bindings, slot);
  }
}

NodeObserver KernelExecutable::observe(NodeObserver observer) {
  session_->queue().run([&] { std::swap(observer_, observer); });
  return observer;
}

/// Whether a gradient overflowed, and the run changed nothing but the scale of the loss.
bool KernelExecutable::execute(const Bindings& bindings, int slot) {
  LossScale scale = session_->loss_scale();
  if (updates_) scale.grow(session_->step());
  const RunInfo info{bindings.images, session_->step(), session_->seed(),
                     static_cast<bool>(options_.loss), updates_ ? scale.value : 1};
  bool skipped = false;
  try {
    run_steps(info, slot);
  } catch (const GradientOverflow&) {
    skipped = scale.shrink(info.step);
    if (!skipped) throw;
  }
  download(bindings, info.scale);
  if (!updates_) return false;
  session_->set_loss_scale(scale);
  if (!skipped) session_->advance();
  return skipped;
}

void KernelExecutable::run_steps(const RunInfo& info, int slot) {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    KernelStep& step = steps_[i];
    Bound bound;
    if (step.staging) {
      bound = step.staging->bound(slot);
      if (!step.in.empty()) step.in[0] = bound.weights;
    }
    if (step.derived && !step.derived->stale()) continue;
    const Clock::time_point begin = observer_ ? Clock::now() : Clock::time_point{};
    if (step.derived)
      step.derived->refresh();
    else
      step.kernel({step.in, step.out, step.scratch, bound.data, bound.dtype, info});
    if (observer_) observer_(node_of_step_[i], begin, Clock::now());
    if (step.writes_loss) check_loss(info.images);
    for (StoredVariable* variable : step.writes) ++variable->version;
  }
}

/// Throws before any gradient or update if the loss of a real image is not finite.
void KernelExecutable::check_loss(int images) {
  const DType dtype = session_->storage(DType::float32);
  const bool batched = graph_.desc(options_.loss).batched;
  if (!batched) images = 1;
  session_->memory().download(host_loss_.data(), address(options_.loss), images * size_of(dtype));
  for (int i = 0; i < images; ++i) {
    const double value = dtype == DType::float64
                             ? reinterpret_cast<const double*>(host_loss_.data())[i]
                             : reinterpret_cast<const float*>(host_loss_.data())[i];
    if (!std::isfinite(value))
      throw NumericError(str(
          "loss: ", batched ? str("image ", i, " of the batch has loss ") : "the batch has loss ",
          value, "; the step changed no weight"));
  }
}

void KernelExecutable::download(const Bindings& bindings, float scale) {
  for (const auto& [id, to] : bindings.outputs) {
    const DType stored = session_->storage(graph_.desc(id).dtype);
    if (to.dtype == stored) {
      session_->memory().download(to.data, address(id), to.elements * size_of(stored));
    } else {  // float64 on the device, float32 for the caller
      std::vector<double> values(to.elements);
      session_->memory().download(values.data(), address(id), to.elements * sizeof(double));
      std::ranges::copy(values, static_cast<float*>(to.data));
    }
    if (scale == 1 || !scaled_.contains(id.index)) continue;
    auto* values = static_cast<float*>(to.data);
    for (std::size_t i = 0; i < to.elements; ++i) values[i] /= scale;
  }
}

MemoryReport KernelExecutable::memory_report() const {
  MemoryReport out{.arena_bytes = plan_.bytes, .unshared_bytes = plan_.unshared};
  for (int b : plan_.scratch) {
    if (b != MemoryPlan::unplanned) out.scratch_bytes += plan_.buffers[b].bytes;
  }
  {
    const std::lock_guard lock(submit_);
    for (const KernelStep& step : steps_) {
      if (step.staging) out.staging_bytes += step.staging->bytes();
    }
  }
  for (const Variable& v : session_->variables()) {
    const std::size_t bytes = v.shape.size() * size_of(v.dtype);
    (v.kind == Variable::Kind::optimizer ? out.state_bytes : out.parameter_bytes) += bytes;
  }
  session_->queue().run([&] { out.packed_bytes = session_->packed_bytes(); });
  return out;
}

std::vector<Implementation> KernelExecutable::implementations() const {
  std::vector<Implementation> out;
  for (const KernelStep& step : steps_) out.push_back({step.node, step.implementation});
  return out;
}

}  // namespace mpsnn
