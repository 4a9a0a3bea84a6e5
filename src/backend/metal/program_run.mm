#include <algorithm>

#include "backend/metal/graph_program.hpp"
#include "backend/metal/guard.hpp"

/// What happens in every run.
namespace mpsnn::metal {

void GraphProgram::fill(const Bindings& bindings, int slot) {
  guarded([&] {
    for (SourceBatch& batch : sources_) {
      const Node& node = graph_.producer(batch.source.value);
      if (batch.source.from) continue;
      if (std::holds_alternative<InitialGradient>(node.op)) continue;
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
    const float scale = snapshots_.empty() ? 1 : session_.loss_scale().value;
    fill_scaled({.slot = slot, .images = bindings.images, .loss_scale = scale});
    if (const HostArray* rate = bound(bindings, rate_))
      rates_[slot] = *static_cast<const float*>(rate->data);
  });
}

/// Where gradients start from, in the scale of the run.
void GraphProgram::fill_scaled(const RunAt& run) {
  for (SourceBatch& batch : sources_) {
    const auto* initial = std::get_if<InitialGradient>(&graph_.producer(batch.source.value).op);
    if (!initial) continue;
    const float one = run.loss_scale / static_cast<float>(initial->batched ? run.images : 1);
    const std::vector<float> values(batch.source.shape.size() * run.images, one);
    batch.slots[run.slot]->write(values.data(), run.images);
  }
  for (LossStates& loss : losses_) loss.scale(run);
  scales_[run.slot] = run.loss_scale;
}

/// The images of this run that a node stands for, which is a source or is wanted.
Owned<MPSImageBatch*> GraphProgram::images(MPSNNImageNode* node) const {
  const RunAt& run = current_.run;
  if (const SourceBatch* s = source_of(node))
    return s->source.from ? images(s->source.from) : s->slots[run.slot]->first(run.images);
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
  snapshots_.encode(buffer, run.slot);
  const auto images_of = [&](int i) { return images(sources_[i].source.node); };
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

/// Puts the variables back where a run was not encoded whole, and has begun nevertheless.
class GraphProgram::Begun {
 public:
  Begun(GraphProgram& program, int slot) : program_(program), slot_(slot) {}
  Begun(const Begun&) = delete;
  Begun& operator=(const Begun&) = delete;
  ~Begun() {
    if (program_.gpu_.stream.torn()) program_.undo(slot_);
  }

 private:
  GraphProgram& program_;
  const int slot_;
};

void GraphProgram::start(const RunAt& run, std::function<void(const std::string&)> landed) {
  guarded([&] {
    current_ = {run, {rates_[run.slot], run.step, run.loss_scale}, current_.finite};
    if (run.loss_scale != scales_[run.slot]) fill_scaled(run);
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
    const Begun begun(*this, run.slot);
    gpu_.stream.submit([&](id<MTLCommandBuffer> buffer) { encode(buffer); }, std::move(landed));
    if (snapshots_.empty()) return;
    session_.changed();
    // A graph takes its own updates over. Another one with the same weights, as there is in front
    // of a sequence, reads them anew before the next run.
    const auto forward_only = [](const Stage& s) { return s.graph && !s.back; };
    if (std::ranges::none_of(stages_, forward_only)) loaded_ = session_.version();
  });
}

void GraphProgram::undo(int slot) {
  snapshots_.restore(slot);
  session_.changed();
}

void GraphProgram::read(ValueId value, int slot, int count, float* to) {
  read_scaled(value, slot, count, to);
  if (scales_[slot] == 1 || !gradients_[value.index]) return;
  const std::size_t size = graph_.desc(value).elements(count);
  std::transform(to, to + size, to, [&](float x) { return x / scales_[slot]; });
}

void GraphProgram::read_scaled(ValueId value, int slot, int count, float* to) {
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
    if (const SourceBatch* s = source_of(node)) return s->slots[slot]->read(to, count);
    for (const Wanted& w : wanted_)
      if (w.result.node.get() == node)
        return [w.result.images.get() batchOfSlot:slot].read(to, count);
  });
}

std::size_t GraphProgram::staging_bytes() const {
  std::size_t sum = snapshots_.bytes();
  for (const SourceBatch& s : sources_)
    for (const auto& slot : s.slots) sum += slot->bytes();
  for (const LossStates& loss : losses_) sum += loss.bytes();
  return sum;
}

}  // namespace mpsnn::metal
