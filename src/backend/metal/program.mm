#include "backend/metal/program.hpp"

#include <algorithm>

#include "backend/metal/guard.hpp"
#include "backend/metal/host_values.hpp"
#include "backend/metal/stage.hpp"
#include "backend/metal/translation.hpp"
#include "backend/node_kinds.hpp"
#include "mpsnn/errors.hpp"

namespace mpsnn::metal {
namespace {

using Slots = std::vector<std::unique_ptr<ImageBatch>>;

/// A source of the graphs, for the runs of all slots.
struct SourceBatch {
  Translation::Source source;
  Slots slots;
};

/// One part of a run: a graph, or a sequence on its way there or back.
struct Stage {
  std::unique_ptr<GraphStage> graph;
  int sequence = -1;
  bool back = false;
};

class GraphProgram final : public Program {
 public:
  GraphProgram(const Graph& graph, const CompileOptions& options, std::span<const ValueId> outputs,
               MetalSession& session);

  void fill(const Bindings& bindings, int slot) override;
  void start(const RunAt& run, std::function<void(const std::string&)> landed) override;
  void check(int slot) const override { finite_.check(slot); }
  void undo(int slot) override;
  void read(ValueId value, int slot, int images, float* to) override;
  std::size_t staging_bytes() const override;

 private:
  void build(Translation& all, std::span<const ValueId> outputs);
  void add_stages(Translation& all);
  void add_graph(Translation& all, int level, bool back);
  void want(MPSNNImageNode* node, const Shape& shape, int level, bool gradient);
  void find_variables();
  Slots slots_of(const Shape& shape, DType format) const;
  const Slots* source_slots(MPSNNImageNode* node) const;
  Owned<MPSImageBatch*> images(MPSNNImageNode* node) const;
  void save_variables(id<MTLCommandBuffer> buffer, int slot);
  void encode(id<MTLCommandBuffer> buffer);
  void encode_sequence(id<MTLCommandBuffer> buffer, const Stage& stage);

  /// An image that a graph makes for the host, or for a sequence.
  struct Wanted {
    Result result;
    int level;
    bool gradient;
  };

  const Graph& graph_;
  MetalSession& session_;
  Gpu& gpu_;
  const int slots_, batch_;
  const DType format_;
  FiniteCheck finite_;
  CurrentRun current_;
  std::map<int, Translation::Captured> captured_;
  std::vector<std::shared_ptr<Parameters>> parameters_;
  std::vector<SourceBatch> sources_;
  std::vector<LossStates> losses_;
  std::vector<Wanted> wanted_;
  std::map<int, Owned<MPSNNImageNode*>> outputs_;  ///< By value index.
  std::vector<Translation::Sequence> sequences_;
  std::vector<Stage> stages_;
  std::vector<Owned<NSObject*>> kept_;
  ValueId rate_;
  std::vector<float> rates_;                ///< By slot.
  std::vector<Region> variables_;           ///< That a run changes,
  std::vector<std::vector<Region>> saved_;  ///< and, by slot, what they were before it.
  std::uint64_t loaded_ = 0;                ///< Version of the variables that the graphs have.
};

GraphProgram::GraphProgram(const Graph& graph, const CompileOptions& options,
                           std::span<const ValueId> outputs, MetalSession& session)
    : graph_(graph),
      session_(session),
      gpu_(session.gpu()),
      slots_(options.in_flight),
      batch_(options.batch),
      format_(DType::float32),
      finite_(gpu_, slots_),
      rates_(options.in_flight) {
  if (options.loss) current_.finite = &finite_;
  const UpdatePlan updates = plan_updates(graph);
  Translation all(graph, gpu_, session, updates, current_, outputs, slots_, batch_);
  build(all, outputs);
  find_variables();
  loaded_ = session_.version();
}

void GraphProgram::find_variables() {
  for (const Node& node : graph_.nodes()) {
    if (std::holds_alternative<Scalar>(node.op)) rate_ = node.outputs[0];
    for (int i = 0; i < write_count(node); ++i) {
      if (!node.inputs[i]) continue;
      const StoredVariable& v = session_.variable(graph_.producer(node.inputs[i]).label);
      variables_.push_back(gpu_.memory->region(v.buffer.get(), v.info.shape.size()));
    }
  }
  saved_.resize(slots_);
  for (auto& slot : saved_)
    for (const Region& v : variables_) slot.push_back(new_region(gpu_.device, v.elements));
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
    const Image image = all.as_it_is(v);
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
    sources_.push_back(
        {source, slots_of(source.shape, source.of_sequence ? DType::float32 : format_)});
    source.node.get().handle = [MpsnnHandle handleOf:static_cast<int>(sources_.size()) - 1];
  }
  // What is a source already is no result.
  std::erase_if(wanted_, [&](const Wanted& w) { return source_slots(w.result.node); });
  add_stages(all);
  captured_ = all.captured;
  parameters_ = all.all_parameters;
  sequences_ = all.sequences;
  kept_ = all.kept;
}

void GraphProgram::want(MPSNNImageNode* node, const Shape& shape, int level, bool gradient) {
  for (const Wanted& w : wanted_)
    if (w.result.node.get() == node) return;
  const bool wide = node.format == MPSImageFeatureChannelFormatFloat32;
  const auto images = adopt(
      [[MpsnnRecycledImages alloc] initWithSlots:slots_of(shape, wide ? DType::float32 : format_)]);
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

const Slots* GraphProgram::source_slots(MPSNNImageNode* node) const {
  for (const SourceBatch& s : sources_)
    if (s.source.node.get() == node) return &s.slots;
  return nullptr;
}

void GraphProgram::fill(const Bindings& bindings, int slot) {
  guarded([&] {
    for (SourceBatch& batch : sources_) {
      const Node& node = graph_.producer(batch.source.value);
      if (const std::optional<float> all = constant_of(node, batch.source.value, bindings)) {
        const std::vector<float> values(batch.source.shape.size() * bindings.images, *all);
        batch.slots[slot]->write(values.data(), bindings.images);
        continue;
      }
      const HostArray* array = bound(bindings, batch.source.value);
      if (!array) continue;  // a mask, or a sequence's
      const auto* input = std::get_if<Input>(&node.op);
      if (input && input->scale == 1 && input->offset == 0 && array->dtype == DType::float32) {
        batch.slots[slot]->write(static_cast<const float*>(array->data), bindings.images);
        continue;
      }
      const Shape& shape = graph_.desc(batch.source.value).shape;
      const Dim classes = shape.rank() ? shape[shape.rank() - 1] : 1;
      const std::vector<float> values =
          input ? input_values(*array, *input)
                : labels_of(*array, shape.size() * bindings.images, classes);
      batch.slots[slot]->write(values.data(), bindings.images);
    }
    for (LossStates& loss : losses_) loss.fill(bindings, slot);
    if (const HostArray* rate = bound(bindings, rate_))
      rates_[slot] = *static_cast<const float*>(rate->data);
  });
}

void GraphProgram::save_variables(id<MTLCommandBuffer> buffer, int slot) {
  if (variables_.empty()) return;
  id<MTLBlitCommandEncoder> blit = [buffer blitCommandEncoder];
  for (std::size_t i = 0; i < variables_.size(); ++i) copy(blit, variables_[i], saved_[slot][i]);
  [blit endEncoding];
}

/// The images of this run that a node stands for, which is a source or is wanted.
Owned<MPSImageBatch*> GraphProgram::images(MPSNNImageNode* node) const {
  const RunAt& run = current_.run;
  if (const Slots* slots = source_slots(node)) return (*slots)[run.slot]->first(run.images);
  for (const Wanted& w : wanted_)
    if (w.result.node.get() == node)
      return [w.result.images.get() batchOfSlot:run.slot].first(run.images);
  return {};
}

void GraphProgram::encode_sequence(id<MTLCommandBuffer> buffer, const Stage& stage) {
  const Translation::Sequence& s = sequences_[stage.sequence];
  if (!stage.back) return s.layer->forward(buffer, images(s.x).get(), images(s.y).get());
  s.layer->backward(buffer, images(s.dy).get(), s.dx == nil ? nil : images(s.dx).get());
}

void GraphProgram::encode(id<MTLCommandBuffer> buffer) {
  const RunAt& run = current_.run;
  save_variables(buffer, run.slot);
  const auto images_of = [&](int i) { return sources_[i].slots[run.slot]->first(run.images); };
  const auto labels_of = [&](int value) {
    const auto is = [&](const LossStates& s) { return s.value().index == value; };
    return std::ranges::find_if(losses_, is)->states(run.slot, run.images);
  };
  for (const Stage& stage : stages_) {
    if (stage.graph)
      stage.graph->encode(buffer, run, images_of, labels_of);
    else
      encode_sequence(buffer, stage);
  }
  for (const LossStates& loss : losses_) loss.synchronize(buffer, run.slot, run.images);
  for (const SourceBatch& s : sources_)
    if (s.source.of_sequence) s.slots[run.slot]->synchronize(buffer, run.images);
}

void GraphProgram::start(const RunAt& run, std::function<void(const std::string&)> landed) {
  guarded([&] {
    current_ = {run, {rates_[run.slot], run.step}, current_.finite};
    for (SourceBatch& s : sources_) {
      if (!s.source.mask) continue;
      const auto mask = mask_of(*s.source.mask, graph_.desc(s.source.value), run);
      s.slots[run.slot]->write(mask.data(), run.images);
    }
    if (loaded_ != session_.version()) {
      gpu_.stream.wait();  // a graph reads its weights at once
      for (const Stage& stage : stages_)
        if (stage.graph) stage.graph->reload();
      loaded_ = session_.version();
    }
    gpu_.stream.submit([&](id<MTLCommandBuffer> buffer) { encode(buffer); }, std::move(landed));
    if (variables_.empty()) return;
    session_.changed();
    // A graph takes its own updates over. Another one with the same weights, as there is in front
    // of a sequence, reads them anew before the next run.
    const auto forward_only = [](const Stage& s) { return s.graph && !s.back; };
    if (std::ranges::none_of(stages_, forward_only)) loaded_ = session_.version();
  });
}

void GraphProgram::undo(int slot) {
  for (std::size_t i = 0; i < variables_.size(); ++i)
    std::copy_n(saved_[slot][i].data(), variables_[i].elements, variables_[i].data());
  session_.changed();
}

void GraphProgram::read(ValueId value, int slot, int count, float* to) {
  guarded([&] {
    for (const LossStates& loss : losses_)
      if (loss.value() == value) return loss.read(slot, count, to);
    if (const auto at = captured_.find(graph_.root(value).index); at != captured_.end()) {
      const Translation::Captured& c = at->second;
      const Region& from = c.parameters->tensors[c.tensor].gradients[slot];
      std::copy_n(from.data(), from.elements, to);
      if (c.taps) turn_taps(to, from.elements, c.taps, c.inner);
      return;
    }
    MPSNNImageNode* node = outputs_.at(value.index);
    if (const Slots* slots = source_slots(node)) return (*slots)[slot]->read(to, count);
    for (const Wanted& w : wanted_)
      if (w.result.node.get() == node)
        return [w.result.images.get() batchOfSlot:slot].read(to, count);
  });
}

std::size_t GraphProgram::staging_bytes() const {
  std::size_t sum = 0;
  for (const SourceBatch& s : sources_)
    for (const auto& slot : s.slots) sum += slot->bytes();
  for (const LossStates& loss : losses_) sum += loss.bytes();
  for (const auto& slot : saved_)
    for (const Region& r : slot) sum += r.bytes();
  return sum;
}

}  // namespace

std::unique_ptr<Program> make_program(const Graph& graph, const CompileOptions& options,
                                      std::span<const ValueId> outputs, MetalSession& session) {
  std::unique_ptr<Program> out;
  guarded([&] { out = std::make_unique<GraphProgram>(graph, options, outputs, session); });
  return out;
}

}  // namespace mpsnn::metal
