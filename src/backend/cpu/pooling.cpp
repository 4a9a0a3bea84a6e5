#include "backend/cpu/pooling.hpp"

#include <optional>

#include "backend/cpu/cpu_session.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/strided.hpp"

namespace mpsnn::cpu {
namespace {

using dnnl::algorithm;
using dnnl::prop_kind;
using Forward = dnnl::pooling_forward::primitive_desc;
using Backward = dnnl::pooling_backward::primitive_desc;

template <class Op>
algorithm algorithm_of(const Op& op) {
  if constexpr (std::is_same_v<Op, MaxPool2d>) {
    return algorithm::pooling_max;
  } else {
    return op.edge == Edge::zero ? algorithm::pooling_avg_include_padding
                                 : algorithm::pooling_avg_exclude_padding;
  }
}

/// A pooling as oneDNN describes it.
template <class Op>
struct Geometry {
  const dnnl::engine& engine;
  const algorithm kind;
  MemoryDesc x, y;
  dnnl::memory::dims strides, kernel, dilates = {0, 0}, before, after;

  Geometry(const KernelContext& k, const Shape& xs, const Shape& ys)
      : engine(CpuSession::of(k).engine()), kind(algorithm_of(k.op<Op>())) {
    const Op& op = k.op<Op>();
    Size2 dilation{};
    if constexpr (requires { op.dilation; }) dilation = op.dilation;
    const Window2 window(xs, op.kernel, op.stride, dilation, op.padding);
    dilates = {dilation.h - 1, dilation.w - 1};
    x = floats({k.batch, xs[2], xs[0], xs[1]}, Tag::nhwc, k.in_type(0));
    y = floats({k.batch, ys[2], ys[0], ys[1]}, Tag::nhwc, k.in_type(0));
    strides = {op.stride.h, op.stride.w};
    kernel = {op.kernel.h, op.kernel.w};
    before = {window.h.before, window.w.before};
    after = {std::max<Dim>(0, window.h.after), std::max<Dim>(0, window.w.after)};
  }

  Forward forward(prop_kind prop) const {
    return fastest([&] {
      return Forward(engine, prop, kind, x, y, strides, kernel, dilates, before, after,
                     attributes(), true);
    });
  }
  Backward backward(const Forward& hint) const {
    return fastest([&] {
      return Backward(engine, kind, x, y, strides, kernel, dilates, before, after, hint,
                      attributes(), true);
    });
  }
};

/// Both directions of one pooling by oneDNN, or neither: what is passed between
/// them, the argmax, is theirs. oneDNN's is the position in the window as well, but
/// it cannot say that the outside won.
template <class Op>
struct Pair {
  Forward forward;
  Backward backward;

  static std::optional<Pair> find(const Geometry<Op>& g, const Op& op, bool training) {
    constexpr bool max = std::is_same_v<Op, MaxPool2d>;
    if (max && op.edge == Edge::zero) return {};
    Pair pair;
    pair.forward = g.forward(training ? prop_kind::forward_training : prop_kind::forward_inference);
    if (!pair.forward || is_reference(pair.forward.impl_info_str())) return {};
    if (!training) return pair;
    pair.backward = g.backward(pair.forward);
    if (!pair.backward || is_reference(pair.backward.impl_info_str())) return {};
    if (max && !fits(pair.forward.workspace_desc(), g.y, op)) return {};
    return pair;
  }

 private:
  /// Whether the workspace is one index per element of y, of the type planned for argmax.
  static bool fits(const MemoryDesc& workspace, const MemoryDesc& y, const Op& op) {
    const std::size_t elements = y.get_size() / element_size(y);
    return workspace.get_size() <= elements * (op.kernel.h * op.kernel.w >= 255 ? 4 : 1);
  }
};

template <class Op>
Kernel own(KernelContext& k, const Shape& x) {
  const PoolSizes s(k, k.op<Op>(), x);
  if (k.node.gradient_of)
    return std::is_same_v<Op, MaxPool2d> ? own_max_pool_gradient(s)
                                         : own_average_pool_gradient(k, s);
  return std::is_same_v<Op, MaxPool2d> ? own_max_pool(s) : own_average_pool(k, s);
}

template <class Op>
Kernel forward(KernelContext& k) {
  CpuSession& session = CpuSession::of(k);
  const Geometry<Op> g(k, k.in(0), k.out(0));
  const bool training = k.has_out(1);
  auto pair = Pair<Op>::find(g, k.op<Op>(), training);
  if (is_strided(k)) pair.reset();
  report(k, pair ? pair->forward.impl_info_str() : "mpsnn");
  if (!pair) return own<Op>(k, k.in(0));
  Primitive run(pair->forward,
                {{DNNL_ARG_SRC, g.x},
                 {DNNL_ARG_DST, g.y},
                 {DNNL_ARG_WORKSPACE, training ? pair->forward.workspace_desc() : MemoryDesc()}});
  const Scratch scratch(k, run.scratch_bytes());
  return [&session, run, scratch, training](const Launch& l) mutable {
    run.run(session.stream(), {l.inputs[0], l.outputs[0], training ? l.outputs[1] : nullptr},
            scratch.at(l));
  };
}

template <class Op>
Kernel gradient(KernelContext& k) {
  CpuSession& session = CpuSession::of(k);
  const Geometry<Op> g(k, k.out(0), k.in(0));
  constexpr bool max = std::is_same_v<Op, MaxPool2d>;
  auto pair = Pair<Op>::find(g, k.op<Op>(), true);
  if (is_strided(k)) pair.reset();
  report(k, pair ? pair->backward.impl_info_str() : "mpsnn");
  if (!pair) return own<Op>(k, k.out(0));
  Primitive run(pair->backward,
                {{DNNL_ARG_DIFF_DST, g.y},
                 {DNNL_ARG_DIFF_SRC, g.x},
                 {DNNL_ARG_WORKSPACE, max ? pair->forward.workspace_desc() : MemoryDesc()}});
  const Scratch scratch(k, run.scratch_bytes());
  return [&session, run, scratch](const Launch& l) mutable {
    run.run(session.stream(), {l.inputs[0], l.outputs[0], max ? l.inputs[1] : nullptr},
            scratch.at(l));
  };
}

}  // namespace

KernelPair max_pool2d_kernels() {
  return {forward<MaxPool2d>, gradient<MaxPool2d>, true,
          [](const Node&, DType) { return Reduced::follows; }};
}

KernelPair l2_pool2d_kernels() {
  return {[](KernelContext& k) { return own_l2_pool({k, k.op<L2Pool2d>(), k.in(0)}); },
          [](KernelContext& k) { return own_l2_pool_gradient({k, k.op<L2Pool2d>(), k.out(0)}); }};
}

KernelPair avg_pool2d_kernels() {
  return {forward<AvgPool2d>, gradient<AvgPool2d>, true,
          [](const Node&, DType) { return Reduced::follows; }};
}

}  // namespace mpsnn::cpu
