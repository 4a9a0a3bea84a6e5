#include "backend/reference/kernels.hpp"
#include "ops/broadcast.hpp"
#include "ops/philox.hpp"

// An output may be the same memory as an input: element i reads only elements i.
namespace mpsnn::reference {
namespace {

/// Of an element that is kept, or of its gradient.
double scale_of(const Dropout& op) { return 1 / (1 - double{op.rate}); }

/// x and its mask, walked together.
Broadcast walk_of(const KernelContext& k, const TensorDesc& x) {
  TensorDesc mask = x;
  mask.shape = mask_shape(k.op<Dropout>(), x.shape);
  return {x, mask, k.batch};
}

/// Calls f(element of x, element of the mask).
template <class F>
void each(const Broadcast& walk, const F& f) {
  for (Dim row = 0; row < walk.rows(); ++row) {
    const Broadcast::Place p = walk.row(row);
    for (Dim i = 0; i < walk.last().extent; ++i)
      f(p.a + i * walk.last().a, p.b + i * walk.last().b);
  }
}

// in: x.  out: y, mask
Kernel forward(KernelContext& k) {
  const DropoutMask generator(k.op<Dropout>().rate, k.op<Dropout>().key);
  const Broadcast walk = walk_of(k, k.graph.desc(k.node.inputs[0]));
  return [generator, walk, scale = scale_of(k.op<Dropout>()), keep = k.has_out(0),
          keep_mask = k.has_out(1)](const Launch& l) {
    each(walk, [&](Dim x, Dim mask) {
      const auto words = generator.words(mask / 4, l.run.step, l.run.seed);
      const bool kept = words[mask % 4] >= generator.threshold;
      if (keep) l.out<double>(0)[x] = kept ? l.in<double>(0)[x] * scale : 0.0;
      if (keep_mask) l.out<std::uint8_t>(1)[mask] = kept;
    });
  };
}

// in: dy, mask.  out: dx
Kernel gradient(KernelContext& k) {
  const Broadcast walk = walk_of(k, k.graph.desc(k.node.outputs[0]));
  return [walk, scale = scale_of(k.op<Dropout>())](const Launch& l) {
    each(walk, [&](Dim x, Dim mask) {
      l.out<double>(0)[x] = l.in<std::uint8_t>(1)[mask] ? l.in<double>(0)[x] * scale : 0.0;
    });
  };
}

}  // namespace

KernelPair dropout_kernels() { return {forward, gradient}; }

}  // namespace mpsnn::reference
