#include "backend/compile_options.hpp"

#include <cmath>

#include "mpsnn/errors.hpp"

namespace mpsnn {

void check_compile_options(const Graph& graph, const CompileOptions& options) {
  if (options.batch < 1 || options.batch > max_batch)
    throw ShapeError(str("batch: must be 1 to ", max_batch, ", got ", options.batch));
  if (options.in_flight < 1 || options.in_flight > max_in_flight)
    throw ShapeError(str("in_flight: must be 1 to ", max_in_flight, ", got ", options.in_flight));
  if (const int threads = options.session_options.threads; threads < 0 || threads > max_threads)
    throw ShapeError(str("threads: must be 0 to ", max_threads, ", got ", threads));
  const LossScale& scale = options.session_options.scale;
  if (!std::isfinite(scale.value) || scale.value <= 0 || scale.growth_interval < 0)
    throw ShapeError(str("loss_scale: must be finite and greater than 0, got ", scale.value));
  // Gradients are multiplied by it.
  if (!std::isfinite(1 / scale.value))
    throw ShapeError(str("loss_scale: its inverse must be finite, got ", scale.value));
  for (ValueId v : options.outputs) {
    if (!graph.has(v)) throw ShapeError(str("outputs: value ", v.index, " is not in this graph"));
  }
}

}  // namespace mpsnn
