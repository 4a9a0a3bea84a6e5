#include "backend/reference/kernels.hpp"
#include "ops/arithmetic_terms.hpp"
#include "ops/broadcast.hpp"

// An output may be the same memory as an input: element i reads only elements i.
namespace mpsnn::reference {
namespace {

Kernel add(KernelContext& k) {
  return [activation = k.op<Add>().activation, size = k.in_elements(0)](const Launch& l) {
    for (Dim i = 0; i < size; ++i)
      l.out<double>(0)[i] = activate(activation, l.in<double>(0)[i] + l.in<double>(1)[i]);
  };
}

/// Calls f(element of y, of a, of b), in row-major order of y.
template <class F>
void each(const Broadcast& walk, const F& f) {
  const Broadcast::Axis& last = walk.last();
  for (Dim row = 0, y = 0; row < walk.rows(); ++row) {
    Broadcast::Place p = walk.row(row);
    for (Dim i = 0; i < last.extent; ++i, ++y, p.a += last.a, p.b += last.b) f(y, p.a, p.b);
  }
}

// in: a, b.  out: y
Kernel forward(KernelContext& k) {
  const Broadcast walk(k.graph.desc(k.node.inputs[0]), k.graph.desc(k.node.inputs[1]), k.batch);
  return arithmetic::with_term<double>(k.op<Arithmetic>(), [&](auto term) -> Kernel {
    return [=](const Launch& l) {
      each(walk, [&](Dim y, Dim a, Dim b) {
        l.out<double>(0)[y] = term.value(l.in<double>(0)[a], l.in<double>(1)[b]);
      });
    };
  });
}

// in: dy, and a and b unless all slopes are the same.  out: da, db
Kernel gradient_of(KernelContext& k, int side) {
  const auto desc = [&](ValueId v) { return k.graph.desc(v); };
  const bool saved = k.node.inputs.size() > 1;
  const Broadcast walk =
      saved ? Broadcast(desc(k.node.inputs[1]), desc(k.node.inputs[2]), k.batch)
            : Broadcast(desc(k.node.inputs[0]), desc(k.node.outputs[side]), k.batch);
  return arithmetic::with_smooth_term<double>(k.op<Arithmetic>(), [&](auto term) -> Kernel {
    return [=, size = k.out_elements(side)](const Launch& l) {
      auto* out = l.out<double>(side);
      clear(out, size);
      each(walk, [&](Dim y, Dim a, Dim b) {
        const double left = saved ? l.in<double>(1)[a] : 0, right = saved ? l.in<double>(2)[b] : 0;
        const double slope = side == 0 ? term.by_a(left, right) : term.by_b(left, right);
        out[saved && side == 0 ? a : b] += l.in<double>(0)[y] * slope;
      });
    };
  });
}

Kernel gradient(KernelContext& k) {
  std::vector<Kernel> sides;
  for (int side = 0; side < 2; ++side) {
    if (k.has_out(side)) sides.push_back(gradient_of(k, side));
  }
  return [sides](const Launch& l) {
    for (const Kernel& side : sides) side(l);
  };
}

}  // namespace

KernelPair add_kernels() { return {add}; }

KernelPair arithmetic_kernels() { return {forward, gradient}; }

}  // namespace mpsnn::reference
