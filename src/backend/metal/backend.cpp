#include "backend/compile_options.hpp"
#include "backend/metal/executable.hpp"
#include "backend/metal/refusals.hpp"
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

void check_refusals(const Graph& graph) {
  std::string refused;
  const Levels levels(graph);
  for (const Node& node : graph.nodes())
    if (const std::string why = refusal(graph, node, levels); !why.empty())
      refused += str("\n  ", graph.print(node), "\n    ", why);
  if (!refused.empty()) throw UnsupportedError(str("backend 'metal' cannot run:", refused));
}

std::unique_ptr<Executable> MetalBackend::compile(const Graph& graph,
                                                  const CompileOptions& options) const {
  check_compile_options(graph, options);
  std::vector<ValueId> keep = options.outputs;
  if (options.loss) keep.push_back(options.loss);
  Graph ready = eliminate_dead(graph, keep);
  check_refusals(ready);
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
