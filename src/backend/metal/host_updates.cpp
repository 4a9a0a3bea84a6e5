#include "backend/metal/host_updates.hpp"

#include <algorithm>
#include <cmath>

#include "backend/node_kinds.hpp"
#include "mpsnn/errors.hpp"

namespace mpsnn {
const Backend& reference_backend();
#if MPSNN_WITH_CPU
const Backend& cpu_backend();
#endif
}  // namespace mpsnn

namespace mpsnn::metal {
namespace {

const Backend& host_backend() {
#if MPSNN_WITH_CPU
  return cpu_backend();
#else
  return reference_backend();
#endif
}

}  // namespace

HostUpdates::HostUpdates(const UpdatePlan& plan, MetalSession& session, bool check)
    : gradients_(plan.host_gradients),
      parameters_(plan.host_parameters),
      check_(check),
      session_(session) {
  executable_ = host_backend().compile(plan.host, {});
  for (const Node& node : plan.host.nodes()) {
    if (std::holds_alternative<Scalar>(node.op)) rate_ = node.outputs[0];
    if (is_variable(node) && !std::ranges::count(gradients_, node.outputs[0]))
      shared_.push_back(node.label);
  }
}

void HostUpdates::copy_in(Program& program, const RunAt& at) {
  std::vector<std::pair<std::string, HostArray>> arrays;
  for (const std::string& name : shared_) {
    const StoredVariable& v = session_.variable(name);
    arrays.emplace_back(name, HostArray{v.buffer.get(), DType::float32,
                                        static_cast<std::size_t>(v.info.shape.size())});
  }
  std::vector<std::vector<float>> values;
  for (std::size_t i = 0; i < gradients_.size(); ++i) {
    const ValueId v = gradients_[i];
    values.emplace_back(executable_->graph().desc(v).shape.size());
    program.read(v, at.slot, at.images, values.back().data());
    if (check_ && !std::ranges::all_of(values.back(), [](float x) { return std::isfinite(x); }))
      throw NumericError("gradient of " + parameters_[i] +
                         " is not finite; the step stopped, and changed no weight");
    arrays.emplace_back(str("gradient ", v.index),
                        HostArray{values.back().data(), DType::float32, values.back().size()});
  }
  executable_->session()->write(arrays, Progress{at.step, at.seed, {}});
}

void HostUpdates::copy_out() {
  std::vector<std::vector<double>> wide;
  std::vector<std::pair<std::string, HostSpan>> spans;
  const bool same = executable_->session()->floating() == DType::float32;
  for (const std::string& name : shared_) {
    StoredVariable& v = session_.variable(name);
    const auto size = static_cast<std::size_t>(v.info.shape.size());
    if (!same) wide.emplace_back(size);
    spans.emplace_back(name, HostSpan{same ? v.buffer.get() : wide.back().data(),
                                      executable_->session()->floating(), size});
  }
  executable_->session()->read(spans);
  for (std::size_t i = 0; i < wide.size(); ++i)
    std::ranges::copy(wide[i], static_cast<float*>(session_.variable(shared_[i]).buffer.get()));
  session_.changed();
}

void HostUpdates::run(Program& program, const RunAt& at, std::optional<float> rate) {
  copy_in(program, at);
  Bindings bindings{1, {}, {}};
  if (rate_) bindings.inputs.emplace_back(rate_, HostArray{&rate.value(), DType::float32, 1});
  executable_->submit(bindings).wait();
  copy_out();
}

}  // namespace mpsnn::metal
