#include "backend/kernel_session.hpp"

#include <algorithm>
#include <cmath>

#include "mpsnn/errors.hpp"
#include "passes/schedule.hpp"

namespace mpsnn {
namespace {

/// Converts float32 <-> float64 where source and device differ; else copies.
template <class From, class To>
std::vector<To> converted(const void* data, std::size_t elements) {
  const auto* from = static_cast<const From*>(data);
  return std::vector<To>(from, from + elements);
}

void upload(DeviceMemory& memory, StoredVariable& variable, const void* data, DType dtype) {
  const std::size_t n = variable.info.shape.size();
  if (dtype == variable.info.dtype) {
    memory.upload(variable.buffer.get(), data, variable.bytes());
  } else if (dtype == DType::float32) {
    memory.upload(variable.buffer.get(), converted<float, double>(data, n).data(),
                  variable.bytes());
  } else {
    memory.upload(variable.buffer.get(), converted<double, float>(data, n).data(),
                  variable.bytes());
  }
  ++variable.version;
}

/// Balances load with purge, whatever happens between.
class Loaded {
 public:
  Loaded(DataSource& source, std::span<const SourceTensor> tensors)
      : source_(source), values(source.load(tensors)) {}
  ~Loaded() { source_.purge(); }
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;

 private:
  DataSource& source_;

 public:
  std::vector<std::span<const float>> values;
};

}  // namespace

KernelSession::KernelSession(const SessionOptions& options, std::shared_ptr<DeviceMemory> memory,
                             DType floating)
    : memory_(std::move(memory)), floating_(floating), scale_(options.scale), seed_(options.seed) {}

KernelSession::~KernelSession() = default;

std::vector<Variable> KernelSession::variables() const {
  const std::lock_guard lock(mutex_);
  std::vector<Variable> out;
  for (const std::string& name : order_) out.push_back(variables_.at(name)->info);
  return out;
}

StoredVariable& KernelSession::checked(std::string_view name, DType dtype, std::size_t elements,
                                       bool convert) {
  const auto it = variables_.find(std::string(name));
  if (it == variables_.end()) throw ShapeError(str("no variable '", name, "' in this model"));
  StoredVariable& v = *it->second;
  const bool floats = dtype == DType::float32 || dtype == DType::float64;
  if (dtype != v.info.dtype && !(convert && floats))
    throw ShapeError(str(name, ": dtype is ", v.info.dtype, ", got ", dtype));
  if (elements != static_cast<std::size_t>(v.info.shape.size()))
    throw ShapeError(str(name, ": shape ", v.info.shape, " has ", v.info.shape.size(),
                         " elements, got ", elements));
  return v;
}

Progress KernelSession::read(std::span<const std::pair<std::string, HostSpan>> to) {
  Progress at;
  queue().run([&] {
    for (const auto& [name, span] : to) {
      StoredVariable& v = checked(name, span.dtype, span.elements, false);
      memory_->download(span.data, v.buffer.get(), v.bytes());
    }
    at = {step_, seed_, loss_scale()};
  });
  return at;
}

void KernelSession::write(std::span<const std::pair<std::string, HostArray>> from,
                          std::optional<Progress> progress) {
  queue().run([&] {
    for (const auto& [name, array] : from) checked(name, array.dtype, array.elements, true);
    for (const auto& [name, array] : from)
      upload(*memory_, checked(name, array.dtype, array.elements, true), array.data, array.dtype);
    if (!progress) return;
    step_ = progress->step;
    seed_ = progress->seed;
    LossScale scale = loss_scale();
    if (!scale.dynamic() || !progress->scale.dynamic()) return;
    scale.value = progress->scale.value;
    scale.since = progress->scale.since;
    set_loss_scale(scale);
  });
}

LossScale KernelSession::loss_scale() const {
  const std::lock_guard lock(mutex_);
  return scale_;
}

void KernelSession::set_loss_scale(const LossScale& scale) {
  const std::lock_guard lock(mutex_);
  scale_ = scale;
}

void KernelSession::wait() {
  queue().run([] {});
}

std::shared_ptr<Derived> KernelSession::derived(
    const std::string& key, const std::function<std::shared_ptr<Derived>()>& make) {
  std::weak_ptr<Derived>& kept = derived_[key];
  std::shared_ptr<Derived> out = kept.lock();
  if (!out) kept = out = make();
  return out;
}

bool KernelSession::copy_finite(const float* from, std::size_t n, float* to) {
  std::copy_n(from, n, to);
  return std::all_of(to, to + n, [](float x) { return std::isfinite(x); });
}

std::size_t KernelSession::packed_bytes() const {
  std::size_t sum = 0;
  for (const auto& [key, kept] : derived_) {
    if (const auto values = kept.lock()) sum += values->bytes();
  }
  return sum;
}

void KernelSession::add_variables(const Graph& graph) {
  std::vector<const Node*> created;
  try {
    const Places places = side_by_side(graph);
    for (const Node& node : graph.nodes()) {
      if (create(graph, node, places)) created.push_back(&node);
    }
    load(created);
  } catch (...) {  // leave the session as it was
    const std::lock_guard lock(mutex_);
    for (const Node* node : created) {
      variables_.erase(node->label);
      std::erase(order_, node->label);
    }
    throw;
  }
}

/// Memory for new parameters that a concat joins, by label.
KernelSession::Places KernelSession::side_by_side(const Graph& graph) {
  Places out;
  for (const Node& node : graph.nodes()) {
    if (!joins_parameters(graph, node)) continue;
    const auto taken = [&](ValueId v) {
      const std::string& label = graph.producer(v).label;
      return variables_.contains(label) || out.contains(label);
    };
    if (std::ranges::any_of(node.inputs, taken)) continue;
    const std::size_t element = size_of(storage(DType::float32));
    const std::shared_ptr<void> whole =
        memory_->buffer(graph.desc(node.outputs[0]).shape.size() * element);
    auto* at = static_cast<std::byte*>(whole.get());
    for (ValueId v : node.inputs) {
      out.emplace(graph.producer(v).label, std::shared_ptr<void>(whole, at));
      at += graph.desc(v).shape.size() * element;
    }
  }
  return out;
}

bool KernelSession::create(const Graph& graph, const Node& node, const Places& places) {
  const auto* parameter = std::get_if<Parameter>(&node.op);
  const auto* state = std::get_if<mpsnn::State>(&node.op);
  if (!parameter && !state) return false;
  const Shape& shape = graph.desc(node.outputs[0]).shape;
  if (const auto it = variables_.find(node.label); it != variables_.end()) {
    if (it->second->info.shape != shape)
      throw ShapeError(str(node.label, ": shape ", shape, " differs from the session's ",
                           it->second->info.shape));
    return false;
  }
  auto variable = std::make_unique<StoredVariable>();
  variable->info = {node.label, shape, storage(DType::float32),
                    state                  ? Variable::Kind::optimizer
                    : parameter->trainable ? Variable::Kind::parameter
                                           : Variable::Kind::statistic};
  const auto place = places.find(node.label);
  variable->buffer = place == places.end()
                         ? std::shared_ptr<void>(memory_->buffer(variable->bytes()))
                         : place->second;
  if (state && state->initial != 0) {
    const std::vector<float> values(shape.size(), state->initial);
    upload(*memory_, *variable, values.data(), DType::float32);
  }
  const std::lock_guard lock(mutex_);
  variables_.emplace(node.label, std::move(variable));
  order_.push_back(node.label);
  return true;
}

void KernelSession::load(const std::vector<const Node*>& nodes) {
  std::vector<const DataSource*> seen;
  for (const Node* first : nodes) {
    const auto* op = std::get_if<Parameter>(&first->op);
    if (!op || !op->source || std::ranges::count(seen, op->source.get())) continue;
    seen.push_back(op->source.get());
    std::vector<SourceTensor> tensors;
    std::vector<StoredVariable*> variables;
    for (const Node* node : nodes) {
      const auto* p = std::get_if<Parameter>(&node->op);
      if (!p || p->source != op->source) continue;
      tensors.push_back({p->tensor, p->shape});
      variables.push_back(variables_.at(node->label).get());
    }
    const Loaded loaded(*op->source, tensors);
    if (loaded.values.size() != tensors.size())
      throw ShapeError(str(first->label, ": the data source lent ", loaded.values.size(),
                           " tensors, needs ", tensors.size()));
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (loaded.values[i].size() != static_cast<std::size_t>(tensors[i].shape.size()))
        throw ShapeError(str(variables[i]->info.name, ": shape ", tensors[i].shape, " needs ",
                             tensors[i].shape.size(), " values, its data source lent ",
                             loaded.values[i].size()));
      upload(*memory_, *variables[i], loaded.values[i].data(), DType::float32);
    }
  }
}

}  // namespace mpsnn
