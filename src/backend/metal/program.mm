#include "backend/metal/program.hpp"

#include <algorithm>

#include "backend/metal/guard.hpp"
#include "backend/metal/host_values.hpp"
#include "backend/metal/losses.hpp"
#include "backend/metal/translation.hpp"
#include "backend/node_kinds.hpp"
#include "mpsnn/errors.hpp"

namespace mpsnn::metal {
namespace {

/// An image that the host writes for every run.
struct HostBatch {
  Translation::HostImage image;
  std::vector<std::unique_ptr<ImageBatch>> slots;
};

/// A result that the host reads.
struct Output {
  ValueId value;  ///< Absent: nobody reads it, but a graph must have a result.
  Owned<MPSNNImageNode*> node;
  Owned<MpsnnRecycledImages*> images;
};

class GraphProgram final : public Program {
 public:
  GraphProgram(const Graph& graph, const CompileOptions& options, std::span<const ValueId> outputs,
               MetalSession& session);

  void fill(const Bindings& bindings, int slot) override;
  void start(const RunAt& run, std::function<void(const std::string&)> landed) override;
  void undo(int slot) override;
  void read(ValueId value, int slot, int images, float* to) override;
  std::size_t staging_bytes() const override;

 private:
  void build(const Translation& all, std::span<const ValueId> outputs);
  void add_output(ValueId value, const Image& image);
  void make_graph(const Translation& all);
  void draw_mask(HostBatch& batch, const RunAt& run);
  void save_variables(id<MTLCommandBuffer> buffer, int slot);
  void encode(id<MTLCommandBuffer> buffer);

  const Graph& graph_;
  MetalSession& session_;
  Gpu& gpu_;
  const int slots_, batch_;
  const DType format_;
  CurrentRun current_;
  std::vector<std::shared_ptr<Parameters>> parameters_;
  std::map<int, Translation::Captured> captured_;
  std::vector<HostBatch> host_;
  std::vector<LossStates> losses_;
  std::vector<Output> outputs_;
  std::vector<int> source_order_, loss_order_;  ///< Of the graph's sources, in host_ and losses_.
  std::vector<Owned<NSObject*>> kept_;
  Owned<MPSNNGraph*> mps_;
  ValueId rate_;
  std::vector<float> rates_;                ///< By slot.
  std::vector<Region> variables_;           ///< That a run changes,
  std::vector<std::vector<Region>> saved_;  ///< and, by slot, what they were before it.
  std::uint64_t loaded_ = 0;                ///< Version of the variables that the graph has.
};

GraphProgram::GraphProgram(const Graph& graph, const CompileOptions& options,
                           std::span<const ValueId> outputs, MetalSession& session)
    : graph_(graph),
      session_(session),
      gpu_(session.gpu()),
      slots_(options.in_flight),
      batch_(options.batch),
      format_(DType::float32),
      rates_(options.in_flight) {
  const UpdatePlan updates = plan_updates(graph);
  const Translation all(graph, gpu_, session, updates, current_, outputs, slots_);
  build(all, outputs);
  for (const Node& node : graph.nodes()) {
    if (std::holds_alternative<Scalar>(node.op)) rate_ = node.outputs[0];
    for (int i = 0; i < write_count(node); ++i) {
      if (!node.inputs[i]) continue;
      const StoredVariable& v = session.variable(graph.producer(node.inputs[i]).label);
      variables_.push_back(gpu_.memory->region(v.buffer.get(), v.info.shape.size()));
    }
  }
  saved_.resize(slots_);
  for (auto& slot : saved_)
    for (const Region& v : variables_)
      slot.push_back({adopt([gpu_.device.get() newBufferWithLength:v.bytes()
                                                           options:MTLResourceStorageModeShared]),
                      0, v.elements});
}

void GraphProgram::build(const Translation& all, std::span<const ValueId> outputs) {
  captured_ = all.captured;
  parameters_ = all.all_parameters;
  for (const auto& loss : all.losses) losses_.emplace_back(graph_, loss, gpu_, slots_, batch_);
  for (ValueId v : outputs) {
    if (captured_.contains(graph_.root(v).index)) continue;
    const auto is_loss = [&](const auto& loss) { return loss.value == v; };
    if (std::ranges::any_of(all.losses, is_loss)) continue;
    add_output(v, const_cast<Translation&>(all).as_it_is(v));
  }
  // A loss that nobody differentiates is there for its own sake.
  for (const auto& loss : all.losses)
    if (!loss.differentiated)
      add_output({}, {keep(loss.filter.get().resultImage),
                      image_shape(graph_.desc(loss.node->inputs[0]).shape)});
  for (const auto& image : all.host_images) {
    HostBatch& batch = host_.emplace_back();
    batch.image = image;
    for (int slot = 0; slot < slots_; ++slot)
      batch.slots.push_back(
          std::make_unique<ImageBatch>(gpu_.device, image.shape, format_, batch_));
    image.node.get().handle = [MpsnnHandle handleOf:static_cast<int>(host_.size()) - 1];
  }
  make_graph(all);
}

void GraphProgram::add_output(ValueId value, const Image& image) {
  const auto same = [&](const Output& o) { return o.node.get() == image.node.get(); };
  std::vector<std::unique_ptr<ImageBatch>> slots;
  if (std::ranges::any_of(outputs_, same)) {
    outputs_.push_back({value, image.node, std::ranges::find_if(outputs_, same)->images});
    return;
  }
  const bool wide = image.node.get().format == MPSImageFeatureChannelFormatFloat32;
  for (int slot = 0; slot < slots_; ++slot)
    slots.push_back(std::make_unique<ImageBatch>(gpu_.device, image.shape,
                                                 wide ? DType::float32 : format_, batch_));
  outputs_.push_back(
      {value, image.node, adopt([[MpsnnRecycledImages alloc] initWithSlots:std::move(slots)])});
}

/// The graph of what is asked for, and of the filters that update parameters.
void GraphProgram::make_graph(const Translation& all) {
  NSMutableArray* results = [NSMutableArray array];
  std::vector<BOOL> needed;
  for (const Output& output : outputs_) {
    if ([results containsObject:output.node.get()]) continue;
    MPSNNImageNode* node = output.node;
    if ([results count] > 0) node.exportFromGraph = YES;  // the first is handed back by itself
    node.synchronizeResource = YES;
    node.imageAllocator = output.images;
    [results addObject:node];
    needed.push_back(YES);
  }
  for (MPSNNImageNode* leaf : all.leaves()) {
    if ([results containsObject:leaf]) continue;
    [results addObject:leaf];
    needed.push_back(NO);
  }
  if ([results count] == 0) return;  // nothing for the device: a loss of parameters, say
  mps_ = adopt([[MPSNNGraph alloc] initWithDevice:gpu_.device
                                     resultImages:results
                                 resultsAreNeeded:needed.data()]);
  if (!mps_) throw DeviceError("metal: MPS makes no graph of these nodes");
  mps_.get().format = format_ == DType::float16 ? MPSImageFeatureChannelFormatFloat16
                                                : MPSImageFeatureChannelFormatFloat32;
  if (!outputs_.empty()) mps_.get().destinationImageAllocator = outputs_[0].images;
  for (MpsnnHandle* handle in (NSArray<MpsnnHandle*>*)[mps_.get() sourceImageHandles])
    source_order_.push_back([handle value]);
  for (MpsnnHandle* handle in (NSArray<MpsnnHandle*>*)[mps_.get() sourceStateHandles]) {
    const auto is = [&](const LossStates& s) { return s.value().index == [handle value]; };
    loss_order_.push_back(static_cast<int>(std::ranges::find_if(losses_, is) - losses_.begin()));
  }
  kept_ = all.kept;
  loaded_ = session_.version();
}

void GraphProgram::fill(const Bindings& bindings, int slot) {
  guarded([&] {
    for (HostBatch& batch : host_) {
      const HostArray* array = bound(bindings, batch.image.value);
      if (!array) continue;  // a mask, or weights that nobody gave
      const Node& node = graph_.producer(batch.image.value);
      const auto* input = std::get_if<Input>(&node.op);
      if (input && input->scale == 1 && input->offset == 0 && array->dtype == DType::float32) {
        batch.slots[slot]->write(static_cast<const float*>(array->data), bindings.images);
        continue;
      }
      const Shape& shape = graph_.desc(batch.image.value).shape;
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

void GraphProgram::draw_mask(HostBatch& batch, const RunAt& run) {
  const std::vector<float> mask = mask_of(*batch.image.mask, graph_.desc(batch.image.value), run);
  batch.slots[run.slot]->write(mask.data(), run.images);
}

void GraphProgram::save_variables(id<MTLCommandBuffer> buffer, int slot) {
  if (variables_.empty()) return;
  id<MTLBlitCommandEncoder> blit = [buffer blitCommandEncoder];
  for (std::size_t i = 0; i < variables_.size(); ++i) copy(blit, variables_[i], saved_[slot][i]);
  [blit endEncoding];
}

void GraphProgram::encode(id<MTLCommandBuffer> buffer) {
  const RunAt& run = current_.run;
  save_variables(buffer, run.slot);
  if (!mps_) return;
  NSMutableArray *images = [NSMutableArray array], *states = [NSMutableArray array];
  for (int i : source_order_) [images addObject:host_[i].slots[run.slot]->first(run.images).get()];
  for (int i : loss_order_) [states addObject:losses_[i].states(run.slot, run.images).get()];
  for (const Output& output : outputs_) [output.images.get() useSlot:run.slot images:run.images];
  [mps_.get() encodeBatchToCommandBuffer:buffer
                            sourceImages:images
                            sourceStates:[states count] ? states : nil
                      intermediateImages:[NSMutableArray array]
                       destinationStates:[NSMutableArray array]];
  for (const Output& output : outputs_)
    if (![output.images.get() wasUsed])
      throw DeviceError(str("metal: the graph left value ", output.value.index, " out"));
  for (int i : loss_order_) losses_[i].synchronize(buffer, run.slot, run.images);
}

void GraphProgram::start(const RunAt& run, std::function<void(const std::string&)> landed) {
  guarded([&] {
    current_ = {run, {rates_[run.slot], run.step}};
    for (HostBatch& batch : host_)
      if (batch.image.mask) draw_mask(batch, run);
    if (loaded_ != session_.version() && mps_) {
      gpu_.stream.wait();  // a graph reads its weights at once
      [mps_.get() reloadFromDataSources];
      loaded_ = session_.version();
    }
    gpu_.stream.submit([&](id<MTLCommandBuffer> buffer) { encode(buffer); }, std::move(landed));
    if (variables_.empty()) return;
    session_.changed();
    loaded_ = session_.version();  // the graph took its own updates over
  });
}

void GraphProgram::undo(int slot) {
  guarded([&] {
    for (std::size_t i = 0; i < variables_.size(); ++i)
      std::copy_n(saved_[slot][i].data(), variables_[i].elements, variables_[i].data());
    session_.changed();
  });
}

void GraphProgram::read(ValueId value, int slot, int images, float* to) {
  guarded([&] {
    for (const LossStates& loss : losses_)
      if (loss.value() == value) return loss.read(slot, images, to);
    if (const auto at = captured_.find(graph_.root(value).index); at != captured_.end()) {
      const Translation::Captured& c = at->second;
      const Region& from = c.parameters->tensors[c.tensor].gradients[slot];
      std::copy_n(from.data(), from.elements, to);
      if (c.taps) turn_taps(to, from.elements, c.taps, c.inner);
      return;
    }
    for (const Output& output : outputs_)
      if (output.value == value) return [output.images.get() batchOfSlot:slot].read(to, images);
  });
}

std::size_t GraphProgram::staging_bytes() const {
  std::size_t sum = 0;
  for (const HostBatch& batch : host_)
    for (const auto& slot : batch.slots) sum += slot->bytes();
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
