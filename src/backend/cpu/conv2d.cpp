#include <algorithm>

#include "backend/cpu/column_sum.hpp"
#include "backend/cpu/cpu_session.hpp"
#include "backend/cpu/kernels.hpp"
#include "ops/window.hpp"

namespace mpsnn::cpu {
namespace {

using dnnl::algorithm;
using Forward = dnnl::convolution_forward::primitive_desc;
using BackwardData = dnnl::convolution_backward_data::primitive_desc;
using BackwardWeights = dnnl::convolution_backward_weights::primitive_desc;
using Dims = dnnl::memory::dims;

/// A convolution as oneDNN describes it. Images are plain NHWC, whatever an
/// implementation would prefer; it chooses the layout of the weight, which is small.
/// No fast one reads OHWI as it is (3.2 then offers only `ref`); repacking takes
/// 0.01-0.02 ms of 3 ms for 5x5x32x64 at batch 64.
struct Geometry {
  MemoryDesc x, y, weight, any, bias;
  Dims strides, dilates, before, after;

  Geometry(const KernelContext& k, const Shape& xs, const Shape& ws, const Shape& ys) {
    const auto& op = k.op<Conv2d>();
    const Dim n = k.batch, g = op.groups;
    x = floats({n, xs[2], xs[0], xs[1]}, Tag::nhwc);
    y = floats({n, ys[2], ys[0], ys[1]}, Tag::nhwc);
    bias = floats({ws[0]}, Tag::a);
    const Dim row = ws[2] * ws[3], filter = ws[1] * row;
    Dims dims = {ws[0] / g, ws[3], ws[1], ws[2]}, ohwi = {filter, 1, row, ws[3]};
    if (g > 1) {
      dims.insert(dims.begin(), g);
      ohwi.insert(ohwi.begin(), ws[0] / g * filter);
    }
    weight = floats(dims, ohwi);
    any = floats(dims, Tag::any);
    const Window2 window(xs, {static_cast<int>(ws[1]), static_cast<int>(ws[2])}, op.stride,
                         op.dilation, op.padding);
    strides = {op.stride.h, op.stride.w};
    dilates = {op.dilation.h - 1, op.dilation.w - 1};
    before = {window.h.before, window.w.before};
    // Pixels that no window reads need no negative padding: oneDNN rounds down as well.
    after = {std::max<Dim>(0, window.h.after), std::max<Dim>(0, window.w.after)};
  }

  Forward forward(const dnnl::engine& engine, const MemoryDesc& bias_or_none,
                  const Activation& activation) const {
    return {engine,
            dnnl::prop_kind::forward_training,
            algorithm::convolution_direct,
            x,
            any,
            bias_or_none,
            y,
            strides,
            dilates,
            before,
            after,
            attributes(activation),
            true};
  }
};

Kernel forward(KernelContext& k) {
  CpuSession& session = CpuSession::of(k);
  const Geometry g(k, k.in(0), k.in(1), k.out(0));
  const MemoryDesc bias = k.has_in(2) ? g.bias : MemoryDesc();
  const Forward desc =
      need(k, [&] { return g.forward(session.engine(), bias, k.op<Conv2d>().activation); });
  report(k, desc.impl_info_str());
  Primitive run(desc, {{DNNL_ARG_SRC, g.x},
                       {DNNL_ARG_WEIGHTS, desc.weights_desc()},
                       {DNNL_ARG_BIAS, bias},
                       {DNNL_ARG_DST, g.y}});
  Weight weight(k, k.node.inputs[1], g.weight, desc.weights_desc());
  const Scratch scratch(k, run.scratch_bytes());
  return [&session, run, weight, scratch](const Launch& l) mutable {
    run.run(session.stream(), {l.inputs[0], weight.get(l, l.inputs[1]), l.inputs[2], l.outputs[0]},
            scratch.at(l));
  };
}

/// dx, from dy and the weight.
Kernel data_gradient(KernelContext& k, const Geometry& g, const Forward& hint) {
  CpuSession& session = CpuSession::of(k);
  const BackwardData desc = need(k, [&] {
    return BackwardData(session.engine(), algorithm::convolution_direct, g.x, g.any, g.y, g.strides,
                        g.dilates, g.before, g.after, hint, attributes(), true);
  });
  report(k, desc.impl_info_str());
  Primitive run(desc, {{DNNL_ARG_DIFF_DST, g.y},
                       {DNNL_ARG_WEIGHTS, desc.weights_desc()},
                       {DNNL_ARG_DIFF_SRC, g.x}});
  Weight weight(k, k.node.inputs[2], g.weight, desc.weights_desc());
  const Scratch scratch(k, run.scratch_bytes());
  return [&session, run, weight, scratch](const Launch& l) mutable {
    run.run(session.stream(), {l.inputs[0], weight.get(l, l.inputs[2]), l.outputs[0]},
            scratch.at(l));
  };
}

/// dweight, and dbias where wanted, from dy and x.
Kernel weight_gradient(KernelContext& k, const Geometry& g, const Forward& hint) {
  CpuSession& session = CpuSession::of(k);
  const MemoryDesc bias = k.has_out(2) ? g.bias : MemoryDesc();
  const BackwardWeights desc = need(k, [&] {
    return BackwardWeights(session.engine(), algorithm::convolution_direct, g.x, g.any, bias, g.y,
                           g.strides, g.dilates, g.before, g.after, hint, attributes(), true);
  });
  report(k, desc.impl_info_str());
  Primitive run(desc, {{DNNL_ARG_DIFF_DST, g.y},
                       {DNNL_ARG_SRC, g.x},
                       {DNNL_ARG_DIFF_WEIGHTS, desc.diff_weights_desc()},
                       {DNNL_ARG_DIFF_BIAS, bias}});
  WeightGradient gradient(k, g.weight, desc.diff_weights_desc());
  const Scratch scratch(k, run.scratch_bytes());
  return [&session, run, gradient, scratch](const Launch& l) mutable {
    run.run(session.stream(),
            {l.inputs[0], l.inputs[1], gradient.target(l, l.outputs[1]), l.outputs[2]},
            scratch.at(l));
    gradient.finish(l, l.outputs[1]);
  };
}

Kernel bias_gradient(KernelContext& k) {
  const Dim channels = k.out(2)[0], rows = k.in_elements(0) / channels;
  report(k, "mpsnn");
  return [=](const Launch& l) { column_sum(l.in<float>(0), rows, channels, l.out<float>(2)); };
}

Kernel gradient(KernelContext& k) {
  const Geometry g(k, k.in(1), k.in(2), k.in(0));
  const Forward hint = need(k, [&] { return g.forward(CpuSession::of(k).engine(), {}, {}); });
  Kernel data, weight;
  if (k.has_out(1))
    weight = weight_gradient(k, g, hint);
  else if (k.has_out(2))
    weight = bias_gradient(k);
  if (k.has_out(0)) data = data_gradient(k, g, hint);
  return [data, weight](const Launch& l) {
    if (weight) weight(l);
    if (data) data(l);
  };
}

}  // namespace

KernelPair conv2d_kernels() { return {forward, gradient}; }

}  // namespace mpsnn::cpu
