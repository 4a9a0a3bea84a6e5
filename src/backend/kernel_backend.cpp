#include "backend/kernel_backend.hpp"

#include "backend/compile_options.hpp"
#include "backend/kernel_executable.hpp"
#include "mpsnn/errors.hpp"
#include "mpsnn/training.hpp"

namespace mpsnn {

bool KernelBackend::supports(const Node& node) const {
  if (std::holds_alternative<Parameter>(node.op) || std::holds_alternative<State>(node.op) ||
      std::holds_alternative<HostUpdate>(node.op))
    return !node.gradient_of;
  const auto it = kernels().find(node.op.index());
  return it != kernels().end() && (node.gradient_of ? it->second.gradient : it->second.forward);
}

void KernelBackend::check_precision(const Precision& precision) const {
  for (const DType dtype : {precision.values, precision.gradients}) {
    if (dtype != DType::float32)
      throw UnsupportedError(str("precision: backend '", name(), "' has no ", dtype));
  }
}

std::unique_ptr<Executable> KernelBackend::compile(const Graph& graph,
                                                   const CompileOptions& options) const {
  check_compile_options(graph, options);
  check_precision(options.precision);
  if (options.session_options.scale.is_used() && !has_loss_scale())
    throw UnsupportedError(
        str("loss_scale: backend '", name(), "' has no float16, and no use for one"));
  if (options.session_options.device != 0)
    throw UnsupportedError(str("device: backend '", name(), "' runs on the host alone"));
  std::vector<ValueId> keep = options.outputs;
  if (options.loss) keep.push_back(options.loss);
  Graph ready = prepare(graph, keep, options);
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
