#include "mpsnn/trainer.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <shared_mutex>
#include <thread>

#include "mpsnn/errors.hpp"
#include "train/step.hpp"

namespace mpsnn {

void Step::wait() const { state_->get().wait(); }

bool Step::done() const { return state_->get().done(); }

bool Step::skipped() const { return state_->get().skipped(); }

std::span<const float> Step::loss() const {
  wait();
  return state_->loss;
}

std::span<const HostSpan> Step::exports() const {
  wait();
  return state_->exports;
}

struct Trainer::Impl {
  Impl(const Graph& g, ValueId l, std::vector<ValueId> out, const TrainerOptions& o);

  const Graph graph;
  const ValueId loss;
  const std::vector<ValueId> outputs;
  const TrainerOptions options;
  const Backend& backend;
  ValueId learning_rate_input;
  std::atomic<float> learning_rate;

  std::shared_mutex open;  ///< Held shared by every call, alone by close.
  std::shared_ptr<Session> session;
  std::shared_ptr<Executable> training;

  std::unique_ptr<Predictor> inference, evaluation;
  double compile_seconds = 0;

  std::shared_lock<std::shared_mutex> enter() {
    std::shared_lock lock(open);
    if (!training) throw Error("trainer: is closed");
    return lock;
  }

  void compile_training();
  /// `rate` and `losses` are bound, and so must outlive the submission, and the run.
  Bindings bind(int images, const Inputs& inputs, const LossLabels& labels, const float& rate,
                std::vector<float>& losses) const;
};

namespace {

float checked_rate(float rate) {
  if (!std::isfinite(rate) || rate < 0)
    throw ShapeError(str("learning_rate: must be finite and not negative, got ", rate));
  return rate;
}

/// Half accumulators are for inference, unless somebody asks.
void check_accumulators(const Graph& graph) {
  for (const Node& node : graph.nodes()) {
    const auto* conv = std::get_if<Conv2d>(&node.op);
    const auto* transposed = std::get_if<ConvTranspose2d>(&node.op);
    if ((conv && conv->accumulator == Accumulator::half) ||
        (transposed && transposed->accumulator == Accumulator::half))
      throw UnsupportedError(str(graph.print(node),
                                 ": a half accumulator is for inference; half_accumulators=True "
                                 "trains with it"));
  }
}

/// Adds every node of every run to a trace. A backend that does not run node by node has whole runs
/// there alone.
void trace_nodes(Executable& executable, const std::shared_ptr<Trace>& trace) {
  std::vector<std::string> names;
  for (const Node& node : executable.graph().nodes())
    names.push_back(str(name(node.op), node.gradient_of ? "_gradient" : "",
                        node.label.empty() ? "" : " ", node.label));
  try {
    executable.observe([trace, names](int node, Trace::Time begin, Trace::Time end) {
      trace->add("engine", names[node], -1, begin, end);
    });
  } catch (const UnsupportedError&) {
  }
}

}  // namespace

Trainer::Impl::Impl(const Graph& g, ValueId l, std::vector<ValueId> out, const TrainerOptions& o)
    : graph(g),
      loss(l),
      outputs(std::move(out)),
      options(o),
      backend(mpsnn::backend(o.backend)),
      learning_rate(checked_rate(o.optimizer.learning_rate)) {
  check_outputs(graph, outputs);
  for (ValueId v : options.exports) {
    if (!graph.has(v)) throw ShapeError(str("export: value ", v.index, " is not in this graph"));
  }
  const auto start = std::chrono::steady_clock::now();
  compile_training();
  compile_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Trainer::Trainer(const Graph& graph, ValueId loss, std::vector<ValueId> outputs,
                 const TrainerOptions& options)
    : impl_(std::make_unique<Impl>(graph, loss, std::move(outputs), options)) {}

Trainer::~Trainer() {
  if (!impl_) return;
  // The engine cannot wait for itself: another thread takes it down.
  if (impl_->session && impl_->session->on_engine_thread())
    std::thread([impl = std::move(impl_)] {}).detach();
}

void Trainer::Impl::compile_training() {
  if (options.scale.dynamic() && options.nan_policy != NanPolicy::raise)
    throw ShapeError("loss_scale: a dynamic one needs the nan_policy 'raise'");
  if (!options.half_accumulators) check_accumulators(graph);
  TrainingGraph ready = training_graph(graph, loss, options.optimizer, options.exports);
  learning_rate_input = ready.learning_rate;
  CompileOptions compile{
      .batch = options.batch,
      .outputs = {loss},
      .loss = options.nan_policy == NanPolicy::raise ? loss : ValueId{},
      .session = nullptr,
      .session_options = {options.seed, options.threads, options.device, options.scale},
      .in_flight = options.in_flight,
      .precision = options.precision,
      .trace = options.trace};
  std::ranges::copy(options.exports, std::back_inserter(compile.outputs));
  training = backend.compile(ready.graph, compile);
  session = training->session();
  if (options.trace) trace_nodes(*training, options.trace);
  const PredictorOptions predict{.batch = options.batch,
                                 .backend = options.backend,
                                 .session = session,
                                 .precision = options.precision,
                                 .trace = options.trace};
  inference = std::make_unique<Predictor>(graph, outputs, predict);
  evaluation = std::make_unique<Predictor>(graph, outputs, predict, loss);
}

Bindings Trainer::Impl::bind(int images, const Inputs& inputs, const LossLabels& labels,
                             const float& rate, std::vector<float>& losses) const {
  losses.resize(graph.desc(loss).batched ? std::max(images, 0) : 1);
  Bindings out{images,
               bind_inputs(graph, training->graph(), inputs, labels),
               {{loss, {losses.data(), DType::float32, losses.size()}}}};
  if (learning_rate_input)
    out.inputs.emplace_back(learning_rate_input, HostArray{&rate, DType::float32, 1});
  return out;
}

Step Trainer::train_step(int images, const Inputs& inputs, const LossLabels& labels,
                         std::function<void(Step)> done, std::optional<float> learning_rate) {
  const auto lock = impl_->enter();
  auto state = std::make_shared<Step::State>();
  const float rate = learning_rate ? checked_rate(*learning_rate) : impl_->learning_rate.load();
  Bindings bindings = impl_->bind(images, inputs, labels, rate, state->loss);
  for (ValueId v : impl_->options.exports) {
    state->add_export(impl_->graph.desc(v), images);
    bindings.outputs.emplace_back(v, state->exports.back());
  }
  state->set(impl_->training->submit(bindings, [state, done = std::move(done)](const Run& run) {
    state->set(run);
    if (done) done(Step(state));
  }));
  return Step(state);
}

Profile Trainer::profile(int images, const Inputs& inputs, const LossLabels& labels, int runs) {
  const auto lock = impl_->enter();
  const float rate = impl_->learning_rate;
  std::vector<float> losses;
  const Bindings bindings = impl_->bind(images, inputs, labels, rate, losses);
  return mpsnn::profile(*impl_->training, bindings, impl_->options.batch, runs);
}

NodeObserver Trainer::observe(NodeObserver observer) {
  const auto lock = impl_->enter();
  return impl_->training->observe(std::move(observer));
}

double Trainer::compile_seconds() const { return impl_->compile_seconds; }

void Trainer::infer(int images, const Inputs& inputs, std::span<const HostSpan> outputs) {
  const auto lock = impl_->enter();
  impl_->inference->run(images, inputs, {}, outputs);
}

void Trainer::evaluate(int images, const Inputs& inputs, const LossLabels& labels, HostSpan loss,
                       std::span<const HostSpan> outputs) {
  const auto lock = impl_->enter();
  std::vector<HostSpan> to(outputs.begin(), outputs.end());
  to.push_back(loss);
  impl_->evaluation->run(images, inputs, labels, to);
}

float Trainer::learning_rate() const { return impl_->learning_rate; }

void Trainer::set_learning_rate(float rate) { impl_->learning_rate = checked_rate(rate); }

std::shared_ptr<Session> Trainer::session() const {
  const auto lock = impl_->enter();
  return impl_->session;
}

std::shared_ptr<const Executable> Trainer::training_executable() const {
  const auto lock = impl_->enter();
  return impl_->training;
}

std::string_view Trainer::backend() const { return impl_->backend.name(); }

int Trainer::batch() const { return impl_->options.batch; }

void Trainer::wait() {
  const auto lock = impl_->enter();
  impl_->session->wait();
}

void Trainer::close() {
  if (impl_->session && impl_->session->on_engine_thread())
    throw Error("trainer: cannot be closed from a completion callback, which runs on its thread");
  try {
    // Open meanwhile: callbacks of the steps under way may read the trainer.
    const std::shared_lock lock(impl_->open);
    if (impl_->session) impl_->session->wait();
  } catch (const Error&) {  // a forked child: nothing runs here
  }
  std::unique_lock lock(impl_->open);
  auto training = std::move(impl_->training);
  auto inference = std::move(impl_->inference);
  auto evaluation = std::move(impl_->evaluation);
  auto session = std::move(impl_->session);
  lock.unlock();  // what waits for the engine must not keep others from hearing that it is closed
  training.reset();
  inference.reset();
  evaluation.reset();
}

bool Trainer::closed() const {
  const std::shared_lock lock(impl_->open);
  return !impl_->training;
}

}  // namespace mpsnn
