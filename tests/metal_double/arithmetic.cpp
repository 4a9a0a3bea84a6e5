#include "metal_double/arithmetic.hpp"

#include <algorithm>

#include "metal_double/control.hpp"
#include "mpsnn/errors.hpp"
#include "mpsnn/training.hpp"
#include "ops/op_spec.hpp"

namespace metal_double {

using mpsnn::Graph;
using mpsnn::Shape;
using mpsnn::ValueId;

struct Arithmetic::Compiled {
  std::vector<ValueId> inputs, outputs;
  std::vector<std::string> labels;  ///< Of inputs that are no images.
  ValueId dy;
  std::vector<mpsnn::TensorDesc> descs;
  std::unique_ptr<mpsnn::Executable> executable;
};

namespace {

/// Everything that another batch, shape or attribute changes.
std::string key_of(const mpsnn::Op& op, const std::vector<Tensor>& inputs, const Tensor* dy) {
  const mpsnn::OpSpec& s = mpsnn::spec(op);
  std::string key = mpsnn::str(arithmetic(), dy != nullptr, mpsnn::name(op));
  if (s.attributes) key += s.attributes(op);
  for (const Tensor& t : inputs) key += mpsnn::str(t.shape, t.images, t.values.empty(), ' ');
  return key;
}

mpsnn::Parameter parameter(const Shape& shape) {
  mpsnn::Parameter out;
  out.shape = shape;
  return out;
}

int images_of(const std::vector<Tensor>& inputs) {
  int images = 1;
  for (const Tensor& t : inputs) images = std::max(images, t.images);
  return images;
}

}  // namespace

Arithmetic::Compiled& Arithmetic::compiled(const mpsnn::Op& op, const std::vector<Tensor>& inputs,
                                           const Tensor* dy) {
  std::shared_ptr<Compiled>& kept = compiled_[key_of(op, inputs, dy)];
  if (kept) return *kept;
  auto c = std::make_shared<Compiled>();
  Graph g;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& t = inputs[i];
    c->labels.push_back(t.images || t.values.empty() ? std::string() : mpsnn::str("p", i));
    c->inputs.push_back(t.values.empty() ? ValueId{}
                        : t.images       ? g.add(mpsnn::Input{t.shape})
                                         : g.add(parameter(t.shape), {}, c->labels.back()));
  }
  const ValueId y = g.add(op, c->inputs);
  if (dy) {
    c->dy = g.add(mpsnn::Input{dy->shape});
    c->outputs.resize(inputs.size());
    for (const mpsnn::Gradient& d : mpsnn::add_gradient(g, y, c->dy))
      c->outputs[std::ranges::find(c->inputs, d.value) - c->inputs.begin()] = d.gradient;
  } else {
    c->outputs = g.producer(y).outputs;
  }
  mpsnn::CompileOptions options;
  options.batch = images_of(inputs);
  for (ValueId& v : c->outputs) {
    if (v && g.desc(v).dtype != mpsnn::DType::float32) v = {};
    if (v) options.outputs.push_back(v);
    c->descs.push_back(v ? g.desc(v) : mpsnn::TensorDesc{});
  }
  c->executable = mpsnn::backend(arithmetic()).compile(g, options);
  kept = std::move(c);
  return *kept;
}

std::vector<Tensor> Arithmetic::run(Compiled& c, const std::vector<Tensor>& inputs,
                                    const Tensor* dy) {
  const auto array = [](const Tensor& t) {
    return mpsnn::HostArray{t.values.data(), mpsnn::DType::float32, t.values.size()};
  };
  mpsnn::Bindings bindings{images_of(inputs), {}, {}};
  std::vector<std::pair<std::string, mpsnn::HostArray>> parameters;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!c.inputs[i] || !c.executable->graph().has(c.inputs[i])) continue;
    if (c.labels[i].empty())
      bindings.inputs.emplace_back(c.inputs[i], array(inputs[i]));
    else
      parameters.emplace_back(c.labels[i], array(inputs[i]));
  }
  if (dy) bindings.inputs.emplace_back(c.dy, array(*dy));
  c.executable->session()->write(parameters);
  std::vector<Tensor> out(c.outputs.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (!c.outputs[i]) continue;
    out[i].shape = c.descs[i].shape;
    out[i].images = c.descs[i].batched ? bindings.images : 0;
    out[i].values.resize(c.descs[i].elements(bindings.images));
    bindings.outputs.emplace_back(
        c.outputs[i],
        mpsnn::HostSpan{out[i].values.data(), mpsnn::DType::float32, out[i].values.size()});
  }
  c.executable->submit(bindings).wait();
  return out;
}

std::vector<Tensor> Arithmetic::forward(const mpsnn::Op& op, const std::vector<Tensor>& inputs) {
  return run(compiled(op, inputs, nullptr), inputs, nullptr);
}

std::vector<Tensor> Arithmetic::gradient(const mpsnn::Op& op, const std::vector<Tensor>& inputs,
                                         const Tensor& dy) {
  return run(compiled(op, inputs, &dy), inputs, &dy);
}

}  // namespace metal_double
