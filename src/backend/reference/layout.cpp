#include "backend/reference/kernels.hpp"

namespace mpsnn::reference {
namespace {

/// Usually the memory plan has made y the memory of x already.
Kernel reshape(KernelContext& k) {
  return [size = k.in_elements(0)](const Launch& l) {
    const auto* x = l.in<double>(0);
    if (auto* y = l.out<double>(0); x != y) std::copy_n(x, size, y);
  };
}

/// A concatenation as rows: a row of y is one run of each part after the other.
struct Join {
  Dim rows = 1;
  Dim row = 0;               // elements of y
  std::vector<Dim> parts{};  // elements of each part

  /// `parts` are the inputs of the forward node; their gradients have the same shapes.
  Join(const KernelContext& k, std::span<const ValueId> values) {
    const TensorDesc& first = k.graph.desc(values[0]);
    const int axis = k.op<Concat>().axis, at = axis < 0 ? axis + first.shape.rank() : axis;
    if (first.batched) rows = k.batch;
    for (int i = 0; i < at; ++i) rows *= first.shape[i];
    for (ValueId v : values) {
      parts.push_back(static_cast<Dim>(k.graph.desc(v).elements(k.batch)) / rows);
      row += parts.back();
    }
  }

  /// Calls f(part, index in that part, index in y) for the start of each run.
  template <class F>
  void each(F f) const {
    for (Dim r = 0; r < rows; ++r) {
      Dim at = r * row;
      for (std::size_t p = 0; p < parts.size(); at += parts[p++])
        f(static_cast<int>(p), r * parts[p], at);
    }
  }
};

Kernel concat(KernelContext& k) {
  return [join = Join(k, k.node.inputs)](const Launch& l) {
    join.each([&](int part, Dim xi, Dim yi) {
      std::copy_n(l.in<double>(part) + xi, join.parts[part], l.out<double>(0) + yi);
    });
  };
}

// in: dy.  out: dx of each input
Kernel concat_gradient(KernelContext& k) {
  // An unwanted gradient has no shape here, but the forward node has.
  const bool all = std::ranges::all_of(k.node.outputs, [](ValueId v) { return bool{v}; });
  const auto& parts = all ? k.node.outputs : k.graph.producer(k.node.gradient_of).inputs;
  return [join = Join(k, parts)](const Launch& l) {
    join.each([&](int part, Dim xi, Dim yi) {
      if (double* dx = wanted(l, part))
        std::copy_n(l.in<double>(0) + yi, join.parts[part], dx + xi);
    });
  };
}

}  // namespace

KernelPair reshape_kernels() { return {reshape}; }

KernelPair concat_kernels() { return {concat, concat_gradient}; }

}  // namespace mpsnn::reference
