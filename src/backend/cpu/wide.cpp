#include "backend/cpu/wide.hpp"

#include <algorithm>

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

/// Calls f(T{}) with T BFloat16 or Float16.
template <class F>
void with_reduced(DType type, const F& f) {
  type == DType::bfloat16 ? f(BFloat16{}) : f(Float16{});
}

/// A value of a reduced type, and its place in float32 within the scratch.
struct Widened {
  std::size_t argument;
  DType type;
  Scratch scratch;
  std::size_t rows, columns, row;  ///< From one row to the next where it is a part of another.

  void read(const Launch& l) const {
    with_reduced(
        type, [&]<class T>(T) { copy(l.in<T>(static_cast<int>(argument)), scratch.at<float>(l)); });
  }
  void write(const Launch& l) const {
    with_reduced(type, [&]<class T>(T) {
      copy(scratch.at<float>(l), l.out<T>(static_cast<int>(argument)));
    });
  }

 private:
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
    if (!values[i]) continue;
    const TensorDesc& d = k.graph.desc(values[i]);
    if (d.dtype != DType::float16 && d.dtype != DType::bfloat16) continue;
    const std::size_t n = d.elements(k.batch), row = k.graph.row(values[i]);
    const std::size_t columns = d.shape.rank() ? d.shape[d.shape.rank() - 1] : 1;
    out.push_back(
        {i, d.dtype, Scratch(k, n / columns * row * sizeof(float)), n / columns, columns, row});
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
  k.copied.merge(wide.copied);
  const Scratch scratch(k, wide.scratch_bytes);
  // Lists of the right length, so that a run allocates nothing.
  std::vector<void*> in(node.inputs.size()), out(node.outputs.size());
  return [=](const Launch& l) mutable {
    for (std::size_t i = 0; i < in.size(); ++i) in[i] = l.inputs[i];
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = node.outputs[i] ? l.outputs[i] : nullptr;
    for (const Widened& w : ins) {
      in[w.argument] = w.scratch.at(l);
      w.read(l);
    }
    for (const Widened& w : outs) out[w.argument] = w.scratch.at(l);
    kernel({in, out, scratch.at(l), l.bound, l.bound_dtype, l.run});
    for (const Widened& w : outs) w.write(l);
  };
}

bool needs_float32(const KernelContext& k, int input) {
  const DType type = k.in_type(input);
  return (type == DType::float16 && !has_float16()) || (type == DType::bfloat16 && !has_bfloat16());
}

}  // namespace mpsnn::cpu
