#include "mpsnn/predictor.hpp"

#include <algorithm>
#include <bit>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "mpsnn/errors.hpp"
#include "train/step.hpp"

namespace mpsnn {
namespace {

/// A loss that is one number for a whole batch, and where its images want it.
struct BatchLoss {
  HostSpan to;
  float value = 0;
};

/// A multiple of the images, so that `part` cuts between them.
void check_divisible(const HostArray& array, int images, std::string_view what) {
  if (array.elements % images != 0)
    throw ShapeError(
        str(what, ": ", array.elements, " elements are not those of ", images, " images"));
}

}  // namespace

void check_outputs(const Graph& graph, std::span<const ValueId> outputs) {
  for (ValueId v : outputs) {
    if (!graph.has(v) || !graph.desc(v).batched)
      throw ShapeError(str("outputs: value ", v.index, " is not one per image of this graph"));
  }
}

struct Predictor::Impl {
  const Graph graph;
  const std::vector<ValueId> outputs;
  const ValueId loss;
  const PredictorOptions options;
  const Backend& backend;

  std::mutex compiling{};
  std::shared_ptr<Session> session;
  std::map<int, std::unique_ptr<Executable>> executables{};  ///< By batch size.

  /// The executable for this batch size, made when it is first asked for.
  Executable& compiled(int batch);
  /// Where a run writes `value`, whose images want it in `images`. The loss of a whole batch goes
  /// to a place of its own first.
  HostSpan destination(ValueId value, HostSpan images, std::deque<BatchLoss>& losses) const;
  void submit(int images, const Inputs& inputs, const LossLabels& labels,
              std::span<const HostSpan> to, std::vector<Run>& runs, std::deque<BatchLoss>& losses);
};

Predictor::Predictor(const Graph& graph, std::vector<ValueId> outputs,
                     const PredictorOptions& options, ValueId loss)
    : impl_(new Impl{.graph = graph,
                     .outputs = std::move(outputs),
                     .loss = loss,
                     .options = options,
                     .backend = mpsnn::backend(options.backend),
                     .session = options.session}) {
  check_outputs(graph, impl_->outputs);
  if (options.batch < 1 || options.batch > max_batch)
    throw ShapeError(str("batch: must be 1 to ", max_batch, ", got ", options.batch));
  if (!impl_->session) impl_->session = impl_->compiled(options.batch).session();
}

Predictor::~Predictor() {
  // The engine cannot wait for itself: another thread takes it down.
  if (impl_->session->on_engine_thread()) std::thread([impl = std::move(impl_)] {}).detach();
}

Executable& Predictor::Impl::compiled(int batch) {
  const std::lock_guard lock(compiling);
  std::unique_ptr<Executable>& executable = executables[batch];
  if (!executable) {
    std::vector<ValueId> wanted = outputs;
    if (loss && std::ranges::count(wanted, loss) == 0) wanted.push_back(loss);
    executable = backend.compile(
        inference_graph(graph, wanted),
        {.batch = batch,
         .outputs = wanted,
         .loss = {},
         .session = session,
         .session_options = {.threads = options.threads, .device = options.device, .scale = {}},
         .precision = options.precision,
         .trace = options.trace});
  }
  return *executable;
}

std::vector<std::pair<ValueId, HostArray>> bind_inputs(const Graph& graph, const Graph& executed,
                                                       const Inputs& inputs,
                                                       const LossLabels& labels) {
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

HostSpan Predictor::Impl::destination(ValueId value, HostSpan images,
                                      std::deque<BatchLoss>& losses) const {
  if (graph.desc(value).batched) return images;
  losses.push_back({images});
  return {&losses.back().value, DType::float32, 1};
}

void Predictor::Impl::submit(int images, const Inputs& inputs, const LossLabels& labels,
                             std::span<const HostSpan> to, std::vector<Run>& runs,
                             std::deque<BatchLoss>& losses) {
  for (int first = 0; first < images;) {
    const int count = std::min(images - first, options.batch);
    // A rest runs on the next power of two, so that few sizes are compiled.
    const int batch = count == options.batch
                          ? count
                          : std::min<int>(options.batch, std::bit_ceil(unsigned(count)));
    Executable& executable = compiled(batch);
    Inputs part;
    for (const auto& [id, array] : inputs) part.emplace_back(id, array.part(images, first, count));
    const LossLabels part_labels = {labels.labels.part(images, first, count),
                                    labels.weights.part(images, first, count)};
    Bindings bindings{count, bind_inputs(graph, executable.graph(), part, part_labels), {}, true};
    for (std::size_t i = 0; i < to.size(); ++i) {
      const ValueId value = i < outputs.size() ? outputs[i] : loss;
      bindings.outputs.emplace_back(value,
                                    destination(value, to[i].part(images, first, count), losses));
    }
    runs.push_back(executable.submit(bindings));
    first += count;
  }
}

void Predictor::run(int images, const Inputs& inputs, const LossLabels& labels,
                    std::span<const HostSpan> outputs) {
  if (images < 1) throw ShapeError(str("images: must be at least 1, got ", images));
  for (const auto& [id, array] : inputs) check_divisible(array, images, "images");
  check_divisible(labels.labels, images, "labels");
  check_divisible(labels.weights, images, "weights");
  std::vector<Run> runs;
  std::exception_ptr error;
  std::deque<BatchLoss> losses;
  try {
    impl_->submit(images, inputs, labels, outputs, runs, losses);
  } catch (...) {
    error = std::current_exception();
  }
  for (const Run& run : runs) {  // the caller's memory is in use until the last has ended, see lent
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

Profile Predictor::profile(int images, const Inputs& inputs, int runs) {
  Executable& executable = impl_->compiled(impl_->options.batch);
  const Bindings bindings{
      images, bind_inputs(impl_->graph, executable.graph(), inputs, {}), {}, true};
  return mpsnn::profile(executable, bindings, impl_->options.batch, runs);
}

MemoryReport Predictor::memory_report() const {
  return impl_->compiled(impl_->options.batch).memory_report();
}

std::shared_ptr<Session> Predictor::session() const { return impl_->session; }

std::string_view Predictor::backend() const { return impl_->backend.name(); }

int Predictor::batch() const { return impl_->options.batch; }

}  // namespace mpsnn
