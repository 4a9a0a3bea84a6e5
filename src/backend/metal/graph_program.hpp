#pragma once

#include "backend/metal/host_values.hpp"
#include "backend/metal/snapshots.hpp"
#include "backend/metal/stage.hpp"
#include "backend/metal/translation.hpp"

/// For .mm files alone.
namespace mpsnn::metal {

using Slots = std::vector<std::unique_ptr<ImageBatch>>;

/// A source of the graphs, for the runs of all slots.
struct SourceBatch {
  Translation::Source source;
  Slots slots;  ///< None where another graph makes the images.
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
  class Begun;
  void build(Translation& all, std::span<const ValueId> outputs);
  void add_stages(Translation& all);
  void add_graph(Translation& all, int level, bool back);
  void want(MPSNNImageNode* node, const Shape& shape, int level, bool gradient);
  std::vector<Region> find_variables();
  Slots slots_of(const Shape& shape, DType format) const;
  const SourceBatch* source_of(MPSNNImageNode* node) const;
  Owned<MPSImageBatch*> images(MPSNNImageNode* node) const;
  void encode(id<MTLCommandBuffer> buffer);
  DType format_of(MPSNNImageNode* node) const;
  void read_scaled(ValueId value, int slot, int images, float* to);
  void fill_scaled(const RunAt& run);
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
  const DType format_;  ///< Of images that say nothing else.
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
  std::vector<float> rates_;     ///< By slot,
  std::vector<float> scales_;    ///< and what gradients and their source are scaled by.
  std::vector<bool> gradients_;  ///< By value index: whether it is one.
  Snapshots snapshots_;          ///< Of the variables that a run changes.
  std::uint64_t loaded_ = 0;     ///< Version of the variables that the graphs have.
};

}  // namespace mpsnn::metal
