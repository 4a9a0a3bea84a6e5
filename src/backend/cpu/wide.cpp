#include "backend/cpu/wide.hpp"

#include <algorithm>

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

/// A value of float16, and its place in float32 within the scratch.
struct Widened {
  std::size_t argument;
  Scratch scratch;
  std::size_t rows, columns, row;  ///< From one row to the next where it is a part of another.

  template <class From, class To>
  void copy(const From* from, To* to) const {
    if (row == columns)
      return parallel_for(rows * columns, 1, [&](std::size_t begin, std::size_t end) {
        convert(from + begin, to + begin, end - begin);
      });
    parallel_for(rows, columns, [&](std::size_t begin, std::size_t end) {
      for (std::size_t r = begin; r < end; ++r) convert(from + r * row, to + r * row, columns);
    });
  }
};

std::vector<Widened> widen(KernelContext& k, std::span<const ValueId> values, Graph& graph) {
  std::vector<Widened> out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!values[i] || k.graph.desc(values[i]).dtype != DType::float16) continue;
    const TensorDesc& d = k.graph.desc(values[i]);
    const std::size_t n = d.elements(k.batch), row = k.graph.row(values[i]);
    const std::size_t columns = d.shape.rank() ? d.shape[d.shape.rank() - 1] : 1;
    out.push_back({i, Scratch(k, n / columns * row * sizeof(float)), n / columns, columns, row});
    graph.retype(values[i], DType::float32);
  }
  return out;
}

}  // namespace

Kernel in_float32(KernelContext& k, const Node& node,
                  const std::function<Kernel(KernelContext&)>& make) {
  Graph graph = k.graph;
  const std::vector<Widened> ins = widen(k, node.inputs, graph);
  const std::vector<Widened> outs = widen(k, node.outputs, graph);
  KernelContext wide{graph, node, k.batch, k.session, k.variables, k.scaled};
  const Kernel kernel = make(wide);
  report(k, wide.implementation + " in float32");
  const Scratch scratch(k, wide.scratch_bytes);
  // Lists of the right length, so that a run allocates nothing.
  std::vector<void*> in(node.inputs.size()), out(node.outputs.size());
  return [=](const Launch& l) mutable {
    for (std::size_t i = 0; i < in.size(); ++i) in[i] = l.inputs[i];
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = node.outputs[i] ? l.outputs[i] : nullptr;
    for (const Widened& w : ins) {
      in[w.argument] = w.scratch.at(l);
      w.copy(l.in<Float16>(static_cast<int>(w.argument)), w.scratch.at<float>(l));
    }
    for (const Widened& w : outs) out[w.argument] = w.scratch.at(l);
    kernel({in, out, scratch.at(l), l.bound, l.bound_dtype, l.run});
    for (const Widened& w : outs)
      w.copy(w.scratch.at<float>(l), l.out<Float16>(static_cast<int>(w.argument)));
  };
}

bool needs_float32(const KernelContext& k) {
  return k.in_type(0) == DType::float16 && !has_float16();
}

}  // namespace mpsnn::cpu
