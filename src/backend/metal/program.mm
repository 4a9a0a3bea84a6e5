#include <algorithm>

#include "backend/metal/graph_program.hpp"
#include "backend/metal/guard.hpp"
#include "backend/node_kinds.hpp"
#include "mpsnn/errors.hpp"

namespace mpsnn::metal {

GraphProgram::GraphProgram(const Graph& graph, const CompileOptions& options,
                           std::span<const ValueId> outputs, MetalSession& session)
    : graph_(graph),
      session_(session),
      gpu_(session.gpu()),
      slots_(options.in_flight),
      batch_(options.batch),
      format_(options.precision.values),
      finite_(gpu_, slots_),
      rates_(options.in_flight),
      scales_(options.in_flight, 1) {
  if (options.loss) current_.finite = &finite_;
  const UpdatePlan updates = plan_updates(graph);
  Translation all(graph, gpu_, session, updates, current_, outputs, options);
  gradients_ = all.levels.gradient;
  build(all, outputs);
  snapshots_ = Snapshots(gpu_.device, find_variables(), slots_);
  loaded_ = session_.version();
}

/// The learning rate, and what a run writes.
std::vector<Region> GraphProgram::find_variables() {
  std::vector<Region> out;
  for (const Node& node : graph_.nodes()) {
    if (std::holds_alternative<Scalar>(node.op)) rate_ = node.outputs[0];
    for (int i = 0; i < write_count(node); ++i) {
      if (!node.inputs[i]) continue;
      const StoredVariable& v = session_.variable(graph_.producer(node.inputs[i]).label);
      out.push_back(gpu_.memory->region(v.buffer.get(), v.info.shape.size()));
    }
  }
  return out;
}

Slots GraphProgram::slots_of(const Shape& shape, DType format) const {
  Slots out;
  for (int i = 0; i < slots_; ++i)
    out.push_back(std::make_unique<ImageBatch>(gpu_.device, shape, format, batch_));
  return out;
}

void GraphProgram::build(Translation& all, std::span<const ValueId> outputs) {
  for (const auto& loss : all.losses) losses_.emplace_back(graph_, loss, gpu_, slots_, batch_);
  for (ValueId v : outputs) {
    const auto is_loss = [&](const auto& loss) { return loss.value == v; };
    if (all.captured.contains(graph_.root(v).index) || std::ranges::any_of(all.losses, is_loss))
      continue;
    const Image image = all.at_home(v);
    outputs_[v.index] = image.node;
    want(image.node, image.shape, std::max(all.levels.of(v), 0), all.levels.is_gradient(v));
  }
  // A loss that nobody differentiates is there for its own sake.
  for (const auto& loss : all.losses)
    if (!loss.differentiated)
      want(loss.filter.get().resultImage, image_shape(graph_.desc(loss.node->inputs[0]).shape),
           std::max(all.levels.of(loss.value), 0), false);
  for (const auto& s : all.sequences) {
    want(s.x, s.layer->x_shape, s.level, false);
    if (s.dy != nil) want(s.dy, s.layer->y_shape, s.level + 1, true);
  }
  for (const auto& source : all.sources) {
    sources_.push_back({source, {}});
    if (source.from)
      want(source.from, source.shape, std::max(all.levels.of(source.value), 0),
           all.levels.is_gradient(source.value));
    else
      sources_.back().slots = slots_of(source.shape, format_of(source.node));
    source.node.get().handle = [MpsnnHandle handleOf:static_cast<int>(sources_.size()) - 1];
  }
  // What is a source already is no result.
  std::erase_if(wanted_, [&](const Wanted& w) { return source_of(w.result.node); });
  add_stages(all);
  captured_ = all.captured;
  parameters_ = all.all_parameters;
  sequences_ = all.sequences;
  kept_ = all.kept;
}

DType GraphProgram::format_of(MPSNNImageNode* node) const {
  switch (node.format) {
    case MPSImageFeatureChannelFormatFloat16:
      return DType::float16;
    case MPSImageFeatureChannelFormatFloat32:
      return DType::float32;
    default:
      return format_;
  }
}

void GraphProgram::want(MPSNNImageNode* node, const Shape& shape, int level, bool gradient) {
  for (const Wanted& w : wanted_)
    if (w.result.node.get() == node) return;
  const auto images =
      adopt([[MpsnnRecycledImages alloc] initWithSlots:slots_of(shape, format_of(node))]);
  wanted_.push_back({{keep(node), images}, level, gradient});
}

/// Forward from level to level, with the sequences between them, and back again. The last level
/// has its forward and its gradient part in one graph; the others compute their forward part
/// again, as a graph does when it is asked for a gradient.
void GraphProgram::add_stages(Translation& all) {
  const auto add_sequences = [&](int level, bool back) {
    for (std::size_t i = 0; i < all.sequences.size(); ++i) {
      const auto& s = all.sequences[i];
      if (s.level == level && (!back || s.dy != nil))
        stages_.push_back({nullptr, static_cast<int>(i), back});
    }
  };
  for (int level = 0; level < all.levels.last; ++level) {
    add_graph(all, level, false);
    add_sequences(level, false);
  }
  add_graph(all, all.levels.last, true);
  for (int level = all.levels.last - 1; level >= 0; --level) {
    add_sequences(level, true);
    add_graph(all, level, true);
  }
}

void GraphProgram::add_graph(Translation& all, int level, bool back) {
  std::vector<Result> results;
  for (const Wanted& w : wanted_)
    if (w.level == level && (level == all.levels.last || w.gradient == back))
      results.push_back(w.result);
  const std::vector<MPSNNImageNode*> leaves =
      back ? all.leaves(level) : std::vector<MPSNNImageNode*>{};
  if (results.empty() && leaves.empty()) return;
  stages_.push_back(
      {std::make_unique<GraphStage>(gpu_, format_, std::move(results), leaves), -1, back});
}

const SourceBatch* GraphProgram::source_of(MPSNNImageNode* node) const {
  const auto is = [&](const SourceBatch& s) { return s.source.node.get() == node; };
  const auto at = std::ranges::find_if(sources_, is);
  return at == sources_.end() ? nullptr : &*at;
}

std::unique_ptr<Program> make_program(const Graph& graph, const CompileOptions& options,
                                      std::span<const ValueId> outputs, MetalSession& session) {
  std::unique_ptr<Program> out;
  guarded([&] { out = std::make_unique<GraphProgram>(graph, options, outputs, session); });
  return out;
}

}  // namespace mpsnn::metal
