#include "backend/kernel_backend.hpp"

#include "backend/kernel_executable.hpp"
#include "mpsnn/errors.hpp"
#include "mpsnn/training.hpp"

namespace mpsnn {
namespace {

void check(const Graph& graph, const CompileOptions& options) {
  if (options.batch < 1 || options.batch > max_batch)
    throw ShapeError(str("batch: must be 1 to ", max_batch, ", got ", options.batch));
  if (options.in_flight < 1 || options.in_flight > max_in_flight)
    throw ShapeError(str("in_flight: must be 1 to ", max_in_flight, ", got ", options.in_flight));
  if (const int threads = options.session_options.threads; threads < 0 || threads > max_threads)
    throw ShapeError(str("threads: must be 0 to ", max_threads, ", got ", threads));
  for (ValueId v : options.outputs) {
    if (!graph.has(v)) throw ShapeError(str("outputs: value ", v.index, " is not in this graph"));
  }
}

}  // namespace

bool KernelBackend::supports(const Node& node) const {
  if (std::holds_alternative<Parameter>(node.op) || std::holds_alternative<State>(node.op) ||
      std::holds_alternative<HostUpdate>(node.op))
    return !node.gradient_of;
  const auto it = kernels().find(node.op.index());
  return it != kernels().end() && (node.gradient_of ? it->second.gradient : it->second.forward);
}

std::unique_ptr<Executable> KernelBackend::compile(const Graph& graph,
                                                   const CompileOptions& options) const {
  check(graph, options);
  std::vector<ValueId> keep = options.outputs;
  if (options.loss) keep.push_back(options.loss);
  Graph ready = options.optimize ? optimize(graph, keep) : eliminate_dead(graph, keep);
  std::string missing;
  for (const Node& node : ready.nodes()) {
    if (!supports(node)) missing += "\n  " + ready.print(node);
  }
  if (!missing.empty())
    throw UnsupportedError(str("backend '", name(), "' has no kernel for:", missing));

  auto session = std::dynamic_pointer_cast<KernelSession>(options.session);
  if (options.session && !session)
    throw UnsupportedError(str("session: not of the backend '", name(), "'"));
  if (!session) session = make_session(options.session_options);
  std::unique_ptr<Executable> out;
  session->queue().run(
      [&] { out = std::make_unique<KernelExecutable>(*this, std::move(ready), options, session); });
  return out;
}

}  // namespace mpsnn
