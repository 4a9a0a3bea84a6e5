#include <algorithm>

#include "backend/kernel_executable.hpp"
#include "backend/node_kinds.hpp"
#include "mpsnn/errors.hpp"
#include "passes/schedule.hpp"

namespace mpsnn {
namespace {

/// Runs a kernel of a derived value, outside the steps of a run.
Derived::Compute computing(const Kernel& kernel, std::size_t scratch_bytes, DeviceMemory& memory) {
  return [=, &memory](const Derived& values) {
    const DeviceBuffer scratch = memory.buffer(scratch_bytes);
    const std::vector<void*> in = values.inputs_at(), out = values.outputs_at();
    kernel({in, out, scratch.get(), nullptr, DType::float32, RunInfo{1}});
  };
}

}  // namespace

/// One step per node that does work, and the memory that they ask for.
void KernelExecutable::build(const KernelBackend& backend) {
  const std::span<const Node> nodes = graph_.nodes();
  MemoryRequest request{std::vector<std::size_t>(graph_.value_count()),
                        std::vector<std::size_t>(nodes.size()), options_.outputs};
  if (options_.loss) request.keep.push_back(options_.loss);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    if (is_variable(node) || is_name_of_variable(node) || is_joined(node)) continue;
    KernelStep step;
    step.derived = derive(node);
    for (ValueId v : node.outputs) {
      if (!v || step.derived) continue;
      const TensorDesc& d = graph_.desc(v);
      request.bytes[v.index] = d.elements(options_.batch) * size_of(session_->storage(d.dtype));
    }
    KernelContext context{graph_, node, options_.batch, *session_, stored_, scaled_};
    if (std::holds_alternative<HostUpdate>(node.op)) {
      step.kernel = host_update(context);
    } else {
      const KernelPair& pair = backend.kernels().at(node.op.index());
      step.kernel = (node.gradient_of ? pair.gradient : pair.forward)(context);
    }
    std::vector<ValueId> read = node.inputs;
    std::erase_if(read, [&](ValueId v) { return context.copied.contains(v.index); });
    keep_derived(read);
    if (step.derived)
      step.derived->set_compute(computing(step.kernel, context.scratch_bytes, session_->memory()));
    else
      request.scratch[i] = context.scratch_bytes;
    step.node = graph_.print(node);
    step.implementation = context.implementation;
    if (is_source(node))
      step.staging.emplace(graph_, node, options_.batch, options_.in_flight,
                           static_cast<bool>(options_.loss), *session_);
    step.writes_loss = options_.loss && std::ranges::count(node.outputs, options_.loss) > 0;
    for (int w = 0; w < write_count(node); ++w) {
      if (node.inputs[w] && !is_variable(graph_.producer(node.inputs[w])))
        throw ShapeError(str(graph_.print(node), ": input ", w, " must be a parameter or state"));
    }
    steps_.push_back(std::move(step));
    node_of_step_.push_back(static_cast<int>(i));
  }
  keep_derived(request.keep);
  plan_ = plan_memory(graph_, request);
}

/// Whether the node only gives a variable another name.
bool KernelExecutable::is_name_of_variable(const Node& node) const {
  if (node.outputs.empty()) return false;
  const ValueId root = graph_.root(node.outputs[0]);
  return root != node.outputs[0] && (stored_.contains(root.index) || joined_.contains(root.index));
}

/// Whether the node joins what lies side by side already; its output is then a name of that.
bool KernelExecutable::is_joined(const Node& node) {
  if (!updates_ || !joins_parameters(graph_, node)) return false;
  // What is handed out is that of before the step's updates.
  const auto is_output = [&](ValueId v) { return graph_.root(v) == node.outputs[0]; };
  if (std::ranges::any_of(options_.outputs, is_output)) return false;
  const auto* at = static_cast<const std::byte*>(address(node.inputs[0]));
  for (ValueId v : node.inputs) {
    if (address(v) != at) return false;
    at += stored_.at(v.index)->bytes();
  }
  joined_[node.outputs[0].index] = address(node.inputs[0]);
  return true;
}

/// Storage that outlives a run, for a node that reads variables alone in a graph that does not
/// change them; else null.
std::shared_ptr<Derived> KernelExecutable::derive(const Node& node) {
  if (updates_ || std::holds_alternative<Dropout>(node.op) || node.inputs.empty() ||
      node.outputs.empty())
    return nullptr;
  std::string key = std::string(name(node.op));
  if (const OpSpec& s = spec(node.op); s.attributes) key += s.attributes(node.op);
  std::vector<const StoredVariable*> from;
  for (ValueId v : node.inputs) {
    const auto it = v ? stored_.find(graph_.root(v).index) : stored_.end();
    if (v && it == stored_.end()) return nullptr;
    key += v ? str(' ', it->second->info.name, graph_.desc(v).shape) : " _";
    from.push_back(v ? it->second : nullptr);
  }
  auto out = session_->derived(key, [&] {
    std::vector<Variable> outputs;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const TensorDesc d = node.outputs[i] ? graph_.desc(node.outputs[i]) : TensorDesc{};
      outputs.push_back(
          {str(key, " -> ", i), d.shape, session_->storage(d.dtype), Variable::Kind::parameter});
    }
    return std::make_shared<Derived>(session_->memory(), std::move(from), std::move(outputs));
  });
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i]) stored_[node.outputs[i].index] = &out->output(i);
  }
  return out;
}

/// Derived values that a kernel reads as they lie, or that are outputs, are there at all times.
void KernelExecutable::keep_derived(std::span<const ValueId> values) {
  for (ValueId v : values) {
    const auto it = v ? stored_.find(graph_.root(v).index) : stored_.end();
    if (it != stored_.end() && it->second->derived) it->second->derived->keep(*it->second);
  }
}

/// Allocates the arena and gives every step its addresses.
void KernelExecutable::place() {
  arena_ = session_->memory().buffer(plan_.bytes);
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    KernelStep& step = steps_[s];
    const Node& node = graph_.nodes()[node_of_step_[s]];
    for (ValueId v : node.inputs) step.in.push_back(address(v));
    for (ValueId v : node.outputs) step.out.push_back(address(v));
    if (std::holds_alternative<Labels>(node.op)) step.in = {nullptr};  // its weights
    if (const int b = plan_.scratch[node_of_step_[s]]; b != MemoryPlan::unplanned)
      step.scratch = static_cast<std::byte*>(arena_.get()) + plan_.buffers[b].offset;
    for (int i = 0; i < write_count(node); ++i) {
      if (node.inputs[i])
        step.writes.push_back(&session_->variable(graph_.producer(node.inputs[i]).label));
    }
  }
}

void* KernelExecutable::address(ValueId value) const {
  if (!value) return nullptr;
  if (const auto it = stored_.find(graph_.root(value).index); it != stored_.end())
    return it->second->kept ? it->second->buffer.get() : nullptr;
  if (const auto it = joined_.find(graph_.root(value).index); it != joined_.end())
    return it->second;
  const Part* part = graph_.part(value);
  const Dim first = part ? part->first : 0;
  return static_cast<std::byte*>(arena_.get()) + plan_.buffers[plan_.value[value.index]].offset +
         first * size_of(session_->storage(graph_.desc(value).dtype));
}

}  // namespace mpsnn
