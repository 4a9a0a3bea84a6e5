#include "backend/compile_options.hpp"
#include "backend/metal/executable.hpp"
#include "backend/metal/levels.hpp"
#include "backend/metal/refusals.hpp"
#include "backend/node_kinds.hpp"
#include "mpsnn/errors.hpp"
#include "mpsnn/training.hpp"

namespace mpsnn {
namespace metal {
namespace {

class MetalBackend final : public Backend {
 public:
  std::string_view name() const override { return "metal"; }
  bool supports(const Node& node) const override { return knows(node.op); }
  std::unique_ptr<Executable> compile(const Graph& graph,
                                      const CompileOptions& options) const override;
};

/// What `keep` needs, and the forward node of every gradient node: MPS makes one from the other.
Graph with_forward_nodes(const Graph& graph, std::vector<ValueId> keep) {
  for (;;) {
    const Graph ready = eliminate_dead(graph, keep);
    const std::size_t before = keep.size();
    for (const Node& node : ready.nodes())
      if (node.gradient_of && !ready.has(node.gradient_of) && graph.has(node.gradient_of))
        keep.push_back(node.gradient_of);
    if (keep.size() == before) return ready;
  }
}

/// Of what a node gives besides its first output, MPS hands out the last state of a sequence, and
/// gradients.
std::string output_refusal(const Graph& graph, ValueId value) {
  const Node& node = graph.producer(value);
  if (node.gradient_of || node.outputs[0] == value || is_source(node)) return {};
  if (is_sequence(node.op) && node.outputs[1] == value) return {};
  return str("\n  ", graph.print(node), "\n    MPS hands out no more than its first output");
}

void check_refusals(const Graph& graph, std::span<const ValueId> outputs) {
  std::string refused;
  for (ValueId v : outputs) refused += output_refusal(graph, v);
  for (const Node& node : graph.nodes())
    if (const std::string why = refusal(graph, node); !why.empty())
      refused += str("\n  ", graph.print(node), "\n    ", why);
  if (!refused.empty()) throw UnsupportedError(str("backend 'metal' cannot run:", refused));
}

std::unique_ptr<Executable> MetalBackend::compile(const Graph& graph,
                                                  const CompileOptions& options) const {
  check_compile_options(graph, options);
  for (const DType dtype : {options.precision.values, options.precision.gradients}) {
    if (dtype != DType::float32 && dtype != DType::float16)
      throw UnsupportedError(str("precision: backend 'metal' has no ", dtype));
  }
  std::vector<ValueId> keep = options.outputs;
  if (options.loss) keep.push_back(options.loss);
  Graph ready = with_forward_nodes(graph, keep);
  check_refusals(ready, options.outputs);
  auto session = std::dynamic_pointer_cast<MetalSession>(options.session);
  if (options.session && !session) throw UnsupportedError("session: not of the backend 'metal'");
  if (!session) session = std::make_shared<MetalSession>(options.session_options);
  std::unique_ptr<Executable> out;
  session->queue().run([&] {
    session->flights()->settle();  // a graph reads its weights when it is made
    out = std::make_unique<MetalExecutable>(std::move(ready), options, session);
  });
  return out;
}

}  // namespace
}  // namespace metal

const Backend& metal_backend() {
  static const metal::MetalBackend backend;
  return backend;
}

}  // namespace mpsnn
