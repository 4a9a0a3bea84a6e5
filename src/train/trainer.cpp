#include "mpsnn/trainer.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <deque>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "mpsnn/errors.hpp"
#include "train/step.hpp"

namespace mpsnn {

void Step::wait() const { state_->get().wait(); }

bool Step::done() const { return state_->get().done(); }

std::span<const float> Step::loss() const {
  wait();
  return state_->loss;
}

std::span<const HostSpan> Step::exports() const {
  wait();
  return state_->exports;
}

namespace {

/// A loss that is one number for a whole batch, and where its images want it.
struct BatchLoss {
  HostSpan to;
  float value = 0;
};

}  // namespace

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

  /// Inference graphs, with the loss or without, by batch size.
  std::mutex compiling;
  std::map<std::pair<bool, int>, std::unique_ptr<Executable>> inference;

  std::shared_lock<std::shared_mutex> enter() {
    std::shared_lock lock(open);
    if (!training) throw Error("trainer: is closed");
    return lock;
  }

  void compile_training();
  Executable& compiled(bool with_loss, int batch);
  std::vector<std::pair<ValueId, HostArray>> bind(const Graph& executed, const Inputs& inputs,
                                                  const LossLabels& labels) const;
  /// Where a run writes `value`, whose images want it in `images`. The loss of a whole batch goes
  /// to a place of its own first.
  HostSpan destination(ValueId value, HostSpan images, std::deque<BatchLoss>& losses) const;
  void run_inference(bool with_loss, int images, const Inputs& inputs, const LossLabels& labels,
                     std::span<const std::pair<ValueId, HostSpan>> to);
};

namespace {

/// A multiple of the images, so that `part` cuts between them.
void check_divisible(const HostArray& array, int images, std::string_view what) {
  if (array.elements % images != 0)
    throw ShapeError(
        str(what, ": ", array.elements, " elements are not those of ", images, " images"));
}

float checked_rate(float rate) {
  if (!std::isfinite(rate) || rate < 0)
    throw ShapeError(str("learning_rate: must be finite and not negative, got ", rate));
  return rate;
}

}  // namespace

Trainer::Impl::Impl(const Graph& g, ValueId l, std::vector<ValueId> out, const TrainerOptions& o)
    : graph(g),
      loss(l),
      outputs(std::move(out)),
      options(o),
      backend(mpsnn::backend(o.backend)),
      learning_rate(checked_rate(o.optimizer.learning_rate)) {
  for (ValueId v : outputs) {
    if (!graph.has(v) || !graph.desc(v).batched)
      throw ShapeError(str("outputs: value ", v.index, " is not one per image of this graph"));
  }
  for (ValueId v : options.exports) {
    if (!graph.has(v)) throw ShapeError(str("export: value ", v.index, " is not in this graph"));
  }
  compile_training();
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
  TrainingGraph ready = training_graph(graph, loss, options.optimizer, options.exports);
  learning_rate_input = ready.learning_rate;
  CompileOptions compile{.batch = options.batch,
                         .outputs = {loss},
                         .loss = options.nan_policy == NanPolicy::raise ? loss : ValueId{},
                         .session = nullptr,
                         .session_options = {options.seed, options.threads},
                         .in_flight = options.in_flight};
  std::ranges::copy(options.exports, std::back_inserter(compile.outputs));
  training = backend.compile(ready.graph, compile);
  session = training->session();
}

Executable& Trainer::Impl::compiled(bool with_loss, int batch) {
  const std::lock_guard lock(compiling);
  std::unique_ptr<Executable>& executable = inference[{with_loss, batch}];
  if (!executable) {
    std::vector<ValueId> wanted = outputs;
    if (with_loss && std::ranges::count(wanted, loss) == 0) wanted.push_back(loss);
    executable = backend.compile(
        inference_graph(graph, wanted),
        {.batch = batch, .outputs = wanted, .loss = {}, .session = session, .session_options = {}});
  }
  return *executable;
}

/// Every input that `executed` reads, with the labels at their place.
std::vector<std::pair<ValueId, HostArray>> Trainer::Impl::bind(const Graph& executed,
                                                               const Inputs& inputs,
                                                               const LossLabels& labels) const {
  std::vector<std::pair<ValueId, HostArray>> out;
  for (const auto& [id, array] : inputs) {
    if (!graph.has(id)) throw ShapeError(str("images: value ", id.index, " is not in this graph"));
    if (executed.has(id)) out.emplace_back(id, array);
  }
  if (!labels.labels.data) return out;
  int found = 0;
  for (const Node& node : executed.nodes()) {
    if (!std::holds_alternative<Labels>(node.op)) continue;
    if (found++) throw ShapeError("labels: the graph has several, bind each by its value");
    out.emplace_back(node.outputs[0], labels.labels);
    if (labels.weights.data) out.emplace_back(node.outputs[1], labels.weights);
  }
  if (!found) throw ShapeError("labels: the loss reads none");
  return out;
}

Step Trainer::train_step(int images, const Inputs& inputs, const LossLabels& labels,
                         std::function<void(Step)> done) {
  const auto lock = impl_->enter();
  auto state = std::make_shared<Step::State>();
  state->loss.resize(impl_->graph.desc(impl_->loss).batched ? std::max(images, 0) : 1);
  const float rate = impl_->learning_rate;
  Bindings bindings{images,
                    impl_->bind(impl_->training->graph(), inputs, labels),
                    {{impl_->loss, {state->loss.data(), DType::float32, state->loss.size()}}}};
  for (ValueId v : impl_->options.exports) {
    state->add_export(impl_->graph.desc(v), images);
    bindings.outputs.emplace_back(v, state->exports.back());
  }
  if (impl_->learning_rate_input)
    bindings.inputs.emplace_back(impl_->learning_rate_input, HostArray{&rate, DType::float32, 1});
  state->set(impl_->training->submit(bindings, [state, done = std::move(done)](const Run& run) {
    state->set(run);
    if (done) done(Step(state));
  }));
  return Step(state);
}

void Trainer::infer(int images, const Inputs& inputs, std::span<const HostSpan> outputs) {
  const auto lock = impl_->enter();
  std::vector<std::pair<ValueId, HostSpan>> to;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    to.emplace_back(impl_->outputs.at(i), outputs[i]);
  impl_->run_inference(false, images, inputs, {}, to);
}

void Trainer::evaluate(int images, const Inputs& inputs, const LossLabels& labels, HostSpan loss,
                       std::span<const HostSpan> outputs) {
  const auto lock = impl_->enter();
  std::vector<std::pair<ValueId, HostSpan>> to = {{impl_->loss, loss}};
  for (std::size_t i = 0; i < outputs.size(); ++i)
    to.emplace_back(impl_->outputs.at(i), outputs[i]);
  impl_->run_inference(true, images, inputs, labels, to);
}

HostSpan Trainer::Impl::destination(ValueId value, HostSpan images,
                                    std::deque<BatchLoss>& losses) const {
  if (graph.desc(value).batched) return images;
  losses.push_back({images});
  return {&losses.back().value, DType::float32, 1};
}

void Trainer::Impl::run_inference(bool with_loss, int images, const Inputs& inputs,
                                  const LossLabels& labels,
                                  std::span<const std::pair<ValueId, HostSpan>> to) {
  if (images < 1) throw ShapeError(str("images: must be at least 1, got ", images));
  for (const auto& [id, array] : inputs) check_divisible(array, images, "images");
  check_divisible(labels.labels, images, "labels");
  check_divisible(labels.weights, images, "weights");
  std::vector<Run> runs;
  std::exception_ptr error;
  std::deque<BatchLoss> losses;
  try {
    for (int first = 0; first < images;) {
      const int count = std::min(images - first, options.batch);
      // A rest runs on the next power of two, so that few sizes are compiled.
      const int batch = count == options.batch
                            ? count
                            : std::min<int>(options.batch, std::bit_ceil(unsigned(count)));
      Executable& executable = compiled(with_loss, batch);
      Inputs part;
      for (const auto& [id, array] : inputs)
        part.emplace_back(id, array.part(images, first, count));
      const LossLabels part_labels = {labels.labels.part(images, first, count),
                                      labels.weights.part(images, first, count)};
      Bindings bindings{count, bind(executable.graph(), part, part_labels), {}};
      for (const auto& [id, span] : to)
        bindings.outputs.emplace_back(id, destination(id, span.part(images, first, count), losses));
      runs.push_back(executable.submit(bindings));
      first += count;
    }
  } catch (...) {
    error = std::current_exception();
  }
  for (const Run& run : runs) {  // the caller's memory is in use until the last has ended
    try {
      run.wait();
    } catch (...) {
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
  for (const BatchLoss& loss : losses)
    std::fill_n(static_cast<float*>(loss.to.data), loss.to.elements, loss.value);
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
  const std::unique_lock lock(impl_->open);
  impl_->training.reset();
  impl_->inference.clear();
  impl_->session.reset();
}

bool Trainer::closed() const {
  const std::shared_lock lock(impl_->open);
  return !impl_->training;
}

}  // namespace mpsnn
