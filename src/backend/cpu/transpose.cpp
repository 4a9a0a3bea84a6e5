#include <array>

#include "backend/cpu/cpu_session.hpp"
#include "backend/cpu/kernels.hpp"

namespace mpsnn::cpu {
namespace {

using Order = PerAxis;
using Dims = dnnl::memory::dims;

/// Elements from one to the next on the batch axis and on each axis of `shape`.
Dims strides(const Shape& shape) {
  Dims out(shape.rank() + 1);
  Dim inside = 1;
  for (int i = shape.rank(); i >= 0; --i) {
    out[i] = inside;
    if (i > 0) inside *= shape[i - 1];
  }
  return out;
}

/// A reorder by oneDNN from x to y, whose axis i is axis order[i] of x.
Kernel transposed(KernelContext& k, const Order& order) {
  CpuSession& session = CpuSession::of(k);
  const Shape &x = k.in(0), &y = k.out(0);
  const Dims from = strides(x);
  Dims dims = {k.graph.desc(k.node.inputs[0]).batched ? k.batch : 1}, along = {from[0]};
  for (int i = 0; i < y.rank(); ++i) {
    dims.push_back(y[i]);
    along.push_back(from[order[i] + 1]);
  }
  const MemoryDesc source = floats(dims, along), target = floats(dims, strides(y));
  const dnnl::reorder::primitive_desc desc(session.engine(), source, session.engine(), target,
                                           attributes());
  report(k, desc.impl_info_str());
  Primitive run(desc, {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}});
  const Scratch scratch(k, run.scratch_bytes());
  return [&session, run, scratch](const Launch& l) mutable {
    run.run(session.stream(), {l.inputs[0], l.outputs[0]}, scratch.at(l));
  };
}

Kernel transpose(KernelContext& k) { return transposed(k, k.op<Transpose>().order); }

// in: dy.  out: dx
Kernel transpose_gradient(KernelContext& k) {
  Order inverse{};
  for (int i = 0; i < k.in(0).rank(); ++i) inverse[k.op<Transpose>().order[i]] = i;
  return transposed(k, inverse);
}

}  // namespace

KernelPair transpose_kernels() { return {transpose, transpose_gradient}; }

}  // namespace mpsnn::cpu
