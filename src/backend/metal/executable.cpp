#include "backend/metal/executable.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "backend/node_kinds.hpp"
#include "backend/run_state.hpp"
#include "mpsnn/errors.hpp"

namespace mpsnn::metal {

/// One run. Keeps what the caller waits for.
class MetalExecutable::Step final : public Flight {
 public:
  Step(MetalExecutable& executable, int slot, const Bindings& bindings, std::optional<float> rate,
       std::shared_ptr<Run::State> state, std::function<void(const Run&)> done)
      : executable_(executable),
        session_(*executable.session_),
        outputs_(bindings.outputs),
        run_{slot, bindings.images, 0, 0},
        number_(executable.submitted_),
        rate_(rate),
        state_(std::move(state)),
        done_(std::move(done)) {}

  /// Keeps itself until the device has called back.
  void start_as(const std::shared_ptr<Step>& self) { self_ = self; }

  void start() override {
    run_.step = session_.step();
    run_.seed = session_.seed();
    before_ = session_.loss_scale();
    skipped_ = false;
    if (executable_.updates_) {
      LossScale scale = before_;
      scale.grow(run_.step);
      session_.set_loss_scale(scale);
      run_.loss_scale = scale.value;
    }
    began_ = std::chrono::steady_clock::now();
    auto self = self_;
    executable_.program_->start(run_, [self, session = &session_](const std::string& error) {
      // Nothing of the executable is safe once it has landed; the session waits for this.
      self->land(error);
      session->post_collect();
    });
    if (executable_.updates_) session_.advance();
  }

  std::exception_ptr check() override {
    try {
      executable_.check_loss(run_);
    } catch (...) {
      return std::current_exception();
    }
    try {
      executable_.program_->check(run_.slot);
      if (executable_.host_updates_)
        executable_.host_updates_->run(*executable_.program_, run_, rate_);
      return nullptr;
    } catch (const NumericError&) {  // of a gradient: the scale may have been too large
      skipped_ = before_.dynamic();
      return std::current_exception();
    } catch (...) {
      return std::current_exception();
    }
  }

  void undo() override {
    if (!executable_.updates_) return;
    executable_.program_->undo(run_.slot);
    session_.restart_at(run_.step);
    LossScale scale = before_;
    if (skipped_) {
      scale.value = run_.loss_scale;
      skipped_ = scale.shrink(run_.step);
    }
    session_.set_loss_scale(scale);
  }

  void end(std::exception_ptr failure) override {
    if (skipped_) failure = nullptr;
    if (!failure) failure = read_outputs();
    const auto ended = std::chrono::steady_clock::now();
    executable_.busy_seconds_ += std::chrono::duration<double>(ended - began_).count();
    // Runs overlap on the device, so that each place in the queue has a row.
    if (executable_.options_.trace && began_ != decltype(began_){})
      executable_.options_.trace->add(str("device, place ", run_.slot + 1),
                                      executable_.updates_ ? "step" : "infer",
                                      static_cast<std::int64_t>(number_), began_, ended);
    executable_.free_.release();
    state_->finish(failure, skipped_);
    if (done_) done_(Run(state_));
    self_ = nullptr;
  }

 private:
  std::exception_ptr read_outputs() {
    try {
      for (const auto& [id, to] : outputs_)
        executable_.program_->read(id, run_.slot, run_.images, static_cast<float*>(to.data));
      return nullptr;
    } catch (...) {
      return std::current_exception();
    }
  }

  MetalExecutable& executable_;
  MetalSession& session_;
  const std::vector<std::pair<ValueId, HostSpan>> outputs_;
  RunAt run_;
  const std::uint64_t number_;  ///< Of its submission.
  const std::optional<float> rate_;
  LossScale before_;      ///< What it started from.
  bool skipped_ = false;  ///< See Run::skipped.
  std::chrono::steady_clock::time_point began_;
  std::shared_ptr<Step> self_;
  std::shared_ptr<Run::State> state_;
  std::function<void(const Run&)> done_;
};

MetalExecutable::MetalExecutable(Graph graph, const CompileOptions& options,
                                 std::shared_ptr<MetalSession> session)
    : graph_(std::move(graph)),
      options_(options),
      session_(std::move(session)),
      free_(options.in_flight) {
  session_->add_variables(graph_);
  for (const Node& node : graph_.nodes()) {
    updates_ |= write_count(node) > 0;
    if (is_source(node)) sources_.emplace_back(graph_, node, options.batch, 0, false, *session_);
    if (std::holds_alternative<Scalar>(node.op)) rate_ = node.outputs[0];
  }
  std::vector<ValueId> outputs = options.outputs;
  if (options.loss && !std::ranges::count(outputs, options.loss)) outputs.push_back(options.loss);
  program_ = make_program(graph_, options, outputs, *session_);
  const UpdatePlan updates = plan_updates(graph_);
  if (updates.on_host())
    host_updates_ =
        std::make_unique<HostUpdates>(updates, *session_, static_cast<bool>(options.loss));
}

MetalExecutable::~MetalExecutable() {
  try {
    session_->wait();
  } catch (...) {  // a forked child: nothing runs here
  }
}

void MetalExecutable::check(const Bindings& bindings) const {
  if (bindings.images < 1 || bindings.images > options_.batch)
    throw ShapeError(
        str("images: batch must be 1 to ", options_.batch, " images, got ", bindings.images));
  for (const Staging& source : sources_) source.check(bindings);
  for (const auto& [id, array] : bindings.inputs) {
    if (!graph_.has(id) || !is_source(graph_.producer(id)))
      throw ShapeError(str("value ", id.index, " is not an input of this graph"));
  }
  check_outputs(bindings);
  for (const Staging& source : sources_)
    if (options_.loss) source.check_finite(bindings);
}

void MetalExecutable::check_outputs(const Bindings& bindings) const {
  for (const auto& [id, to] : bindings.outputs) {
    if (std::ranges::count(options_.outputs, id) == 0)
      throw ShapeError(str("value ", id.index, " is not an output of this executable"));
    const TensorDesc& d = graph_.desc(id);
    if (to.dtype != d.dtype)
      throw ShapeError(str("output ", id.index, ": dtype must be ", d.dtype, ", got ", to.dtype));
    if (to.elements != d.elements(bindings.images))
      throw ShapeError(str("output ", id.index, ": needs ", d.elements(bindings.images),
                           " elements, got ", to.elements));
  }
}

Run MetalExecutable::submit(const Bindings& bindings, std::function<void(const Run&)> done) {
  check(bindings);
  if (session_->queue().on_thread())
    throw Error("a step cannot be submitted from a completion callback: it would wait for itself");
  session_->queue().check_process();
  {
    const TraceScope waiting(options_.trace.get(), "caller", "wait for a place");
    free_.acquire();
  }
  const std::lock_guard lock(submit_);
  const int slot = static_cast<int>(submitted_ % options_.in_flight);
  auto state = std::make_shared<Run::State>();
  try {
    std::optional<float> rate;
    for (const auto& [id, array] : bindings.inputs)
      if (id == rate_) rate = *static_cast<const float*>(array.data);
    {
      const TraceScope copying(options_.trace.get(), "caller", "copy batch", submitted_);
      program_->fill(bindings, slot);
    }
    auto step = std::make_shared<Step>(*this, slot, bindings, rate, state, std::move(done));
    step->start_as(step);
    session_->post(step, host_updates_ != nullptr);
  } catch (...) {
    free_.release();
    throw;
  }
  ++submitted_;
  return Run(state);
}

/// Throws if the loss of an image is not finite.
void MetalExecutable::check_loss(const RunAt& run) {
  if (!options_.loss) return;
  std::vector<float> loss(run.images);
  program_->read(options_.loss, run.slot, run.images, loss.data());
  for (int i = 0; i < run.images; ++i)
    if (!std::isfinite(loss[i]))
      throw NumericError(str("loss: image ", i, " of the batch has loss ", loss[i],
                             "; the step changed no weight"));
}

MemoryReport MetalExecutable::memory_report() const {
  MemoryReport out{.staging_bytes = program_->staging_bytes()};
  for (const Variable& v : session_->variables()) {
    const std::size_t bytes = v.shape.size() * size_of(v.dtype);
    (v.kind == Variable::Kind::optimizer ? out.state_bytes : out.parameter_bytes) += bytes;
  }
  return out;
}

std::vector<Implementation> MetalExecutable::implementations() const {
  std::vector<Implementation> out;
  for (const Node& node : graph_.nodes())
    if (!is_variable(node)) out.push_back({graph_.print(node), "MPSNNGraph"});
  return out;
}

NodeObserver MetalExecutable::observe(NodeObserver) {
  throw UnsupportedError(
      "profile: backend 'metal' hands whole graphs to MPSNNGraph, which does not time its nodes");
}

void MetalExecutable::rehearse(const Bindings&, int, const NodeObserver&) { observe({}); }

}  // namespace mpsnn::metal
