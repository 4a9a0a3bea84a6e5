#include <algorithm>

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/column_convolution.hpp"
#include "backend/cpu/column_sum.hpp"
#include "backend/cpu/cpu_session.hpp"
#include "backend/cpu/dense.hpp"
#include "backend/cpu/half_convolution.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/own_convolution.hpp"
#include "backend/cpu/tile_convolution.hpp"
#include "backend/cpu/tile_gradient.hpp"
#include "backend/cpu/wide.hpp"
#include "backend/cpu/window_convolution.hpp"
#include "backend/cpu/winograd_convolution.hpp"
#include "ops/conv_geometry.hpp"

namespace mpsnn::cpu {
namespace {

using Dims = dnnl::memory::dims;

/// What differs between the two ops: their primitives have the same arguments.
struct Direct {
  using Op = Conv2d;
  using Forward = dnnl::convolution_forward::primitive_desc;
  using BackwardData = dnnl::convolution_backward_data::primitive_desc;
  using BackwardWeights = dnnl::convolution_backward_weights::primitive_desc;
  static constexpr auto algorithm = dnnl::algorithm::convolution_direct;
};
struct Transposed {
  using Op = ConvTranspose2d;
  using Forward = dnnl::deconvolution_forward::primitive_desc;
  using BackwardData = dnnl::deconvolution_backward_data::primitive_desc;
  using BackwardWeights = dnnl::deconvolution_backward_weights::primitive_desc;
  static constexpr auto algorithm = dnnl::algorithm::deconvolution_direct;
};

/// A convolution as oneDNN describes it. Images are plain NHWC, whatever an
/// implementation would prefer; it chooses the layout of the weight, which is small.
/// No fast one reads OHWI as it is (3.2 then offers only `ref`); repacking takes
/// 0.01-0.02 ms of 3 ms for 5x5x32x64 at batch 64.
template <class Conv>
struct Layouts {
  ConvGeometry geometry;
  MemoryDesc x, y, weight, any, dweight, bias;
  Dims strides, dilates, before, after;

  Layouts(const KernelContext& k, const Shape& xs, const Shape& ws, const Shape& ys)
      : geometry(k.op<typename Conv::Op>(), xs, ws) {
    const auto &h = geometry.h, &w = geometry.w;
    const Dim n = k.batch, g = geometry.groups;
    const DType type = k.in_type(0);  // of x, or of dy
    x = floats({n, xs[2], xs[0], xs[1]}, Tag::nhwc, type);
    y = floats({n, ys[2], ys[0], ys[1]}, Tag::nhwc, type);
    bias = floats({ws[0]}, Tag::a);
    const Dim row = ws[2] * ws[3], filter = ws[1] * row;
    Dims dims = {ws[0] / g, ws[3], ws[1], ws[2]}, ohwi = {filter, 1, row, ws[3]};
    if (g > 1) {
      dims.insert(dims.begin(), g);
      ohwi.insert(ohwi.begin(), ws[0] / g * filter);
    }
    weight = floats(dims, ohwi);
    any = floats(dims, Tag::any, type);
    dweight = floats(dims, Tag::any);
    strides = {h.stride, w.stride};
    dilates = {h.dilation - 1, w.dilation - 1};
    before = {h.before, w.before};
    // Pixels that no window reads need no negative padding: oneDNN rounds down as well.
    after = {std::max<Dim>(0, h.after), std::max<Dim>(0, w.after)};
  }

  Conv::Forward forward(const dnnl::engine& engine, const MemoryDesc& bias_or_none,
                        const Activation& activation) const {
    return {engine,
            dnnl::prop_kind::forward_training,
            Conv::algorithm,
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

/// What not to run. brgconv on AMX of oneDNN 3.2 computes wrong values where channels do not fill
/// its blocks of 32 and the kernel is strided along rows: 48 channels, 3 x 4, stride (1, 2), valid,
/// from a width of 24, is off by more than its own size.
template <class Conv>
std::string_view wrong(const Layouts<Conv>& g) {
  const bool broken = g.x.get_data_type() != dnnl::memory::data_type::f32 &&
                      g.geometry.w.stride > 1 && g.geometry.C > 32 && g.geometry.C % 32 != 0;
  return broken ? "brgconv:avx512_core_amx" : "ref";
}

/// The same of gradients of weights. jit_bf16 of oneDNN 3.2 leaves what its memory held, NaN too,
/// where a tap is beside the image in all windows: 3 x 3, stride 2, on 8 x 1 pixels, 16 channels.
template <class Conv>
std::string_view wrong_gradient(const Layouts<Conv>& g) {
  const bool idle = g.geometry.h.has_idle_tap() || g.geometry.w.has_idle_tap();
  return idle ? "jit_bf16" : "ref";
}

/// Whether oneDNN has no implementation, or none but its slow definition and a wrong one.
template <class Desc>
bool is_slow(const Desc& desc, std::string_view wrong = "ref") {
  if (!desc) return true;
  const std::string_view name = desc.impl_info_str();
  return is_reference(name) || name.find(wrong) != std::string_view::npos;
}

/// The windows of the batch, if they follow each other in memory without a gap: x is then a
/// matrix, a window per row. Else 0.
Dim windows_in_rows(const ConvGeometry& g, Dim batch) {
  const auto whole = [](const ConvAxis& a) {
    return a.stride == a.kernel && a.coarse * a.kernel == a.fine;
  };
  const bool padded = g.h.before || g.w.before;
  const bool plain = !g.transposed && g.groups == 1 && g.h.dilation * g.w.dilation == 1;
  // One row high, or as wide as the image.
  const bool rows = (g.h.kernel == 1 && g.h.stride == 1) || g.w.coarse == 1;
  if (!plain || padded || g.taps() == 1 || !rows || !whole(g.h) || !whole(g.w)) return 0;
  return batch * g.h.coarse * g.w.coarse;
}

template <class Conv>
Kernel forward(KernelContext& k) {
  const auto& op = k.op<typename Conv::Op>();
  const Activation& activation = op.activation;
  const Layouts<Conv> g(k, k.in(0), k.in(1), k.out(0));
  if (op.accumulator == Accumulator::half) return half_convolution(k, g.geometry, activation);
  if (prefers_winograd(g.geometry, k.batch, k.in_type(0), is_kept(k, k.node.inputs[1]), activation))
    return winograd_convolution(k, g.geometry, activation);
  if (needs_float32(k)) return in_float32(k, k.node, forward<Conv>);
  if (const Dim rows = windows_in_rows(g.geometry, k.batch))
    return rows_forward(k, rows, activation);
  if (prefers_windows(g.geometry, k.in_type(0), activation))
    return window_convolution(k, g.geometry, activation);
  if (prefers_tile_convolution(g.geometry, k.batch, k.in_type(0), activation))
    return tile_convolution(k, g.geometry, activation);
  CpuSession& session = CpuSession::of(k);
  const MemoryDesc bias = k.has_in(2) ? g.bias : MemoryDesc();
  const typename Conv::Forward desc =
      fastest([&] { return g.forward(session.engine(), bias, activation); }, wrong(g));
  if (is_slow(desc, wrong(g))) return own_convolution(k, g.geometry, activation);
  report(k, desc.impl_info_str());
  Primitive run(desc, {{DNNL_ARG_SRC, g.x},
                       {DNNL_ARG_WEIGHTS, desc.weights_desc()},
                       {DNNL_ARG_BIAS, bias},
                       {DNNL_ARG_DST, g.y}});
  Weight weight(k, k.node.inputs[1], g.weight, desc.weights_desc(), Weight::Kept::unchanged);
  weight.alone(k, k.node.inputs[1]);
  const Scratch scratch(k, run.scratch_bytes());
  return [&session, run, weight, scratch](const Launch& l) mutable {
    run.run(session.stream(), {l.inputs[0], weight.get(l, l.inputs[1]), l.inputs[2], l.outputs[0]},
            scratch.at(l));
  };
}

/// dx, from dy and the weight.
template <class Conv>
Kernel data_gradient(KernelContext& k, const Layouts<Conv>& g, const typename Conv::Forward& hint) {
  if (prefers_tile_data_gradient(g.geometry, k.batch, k.in_type(0)))
    return tile_data_gradient(k, g.geometry);
  if (prefers_winograd_data_gradient(g.geometry, k.batch, k.in_type(0)))
    return winograd_data_gradient(k, g.geometry);
  if (!hint) return own_data_gradient(k, g.geometry);
  CpuSession& session = CpuSession::of(k);
  const typename Conv::BackwardData desc = fastest([&] {
    return
        typename Conv::BackwardData(session.engine(), Conv::algorithm, g.x, g.any, g.y, g.strides,
                                    g.dilates, g.before, g.after, hint, attributes(), true);
  });
  if (is_slow(desc)) return own_data_gradient(k, g.geometry);
  report(k, desc.impl_info_str());
  Primitive run(desc, {{DNNL_ARG_DIFF_DST, g.y},
                       {DNNL_ARG_WEIGHTS, desc.weights_desc()},
                       {DNNL_ARG_DIFF_SRC, g.x}});
  Weight weight(k, k.node.inputs[2], g.weight, desc.weights_desc(), Weight::Kept::unchanged);
  const Scratch scratch(k, run.scratch_bytes());
  return [&session, run, weight, scratch](const Launch& l) mutable {
    run.run(session.stream(), {l.inputs[0], weight.get(l, l.inputs[2]), l.outputs[0]},
            scratch.at(l));
  };
}

template <class Conv>
Kernel gradient(KernelContext& k);

/// dweight, and dbias where wanted, in float16, which oneDNN has no fast implementation of.
template <class Conv>
Kernel wide_weight_gradient(KernelContext& k) {
  Node node = k.node;
  node.outputs[0] = {};
  return in_float32(k, node, gradient<Conv>);
}

/// dweight, and dbias where wanted, from dy and x.
template <class Conv>
Kernel weight_gradient(KernelContext& k, const Layouts<Conv>& g,
                       const typename Conv::Forward& hint) {
  if (prefers_windows(g.geometry, k.in_type(0), {})) return window_weight_gradient(k, g.geometry);
  if (prefers_tiles(g.geometry, k.in_type(0))) return tile_weight_gradient(k, g.geometry);
  if (prefers_winograd_weight_gradient(g.geometry, k.batch, k.in_type(0)))
    return winograd_weight_gradient(k, g.geometry);
  if (prefers_columns(g.geometry, k.batch, k.in_type(0)))
    return column_weight_gradient(k, g.geometry);
  if (k.in_type(0) == DType::float16) return wide_weight_gradient<Conv>(k);
  if (!hint) return own_weight_gradient(k, g.geometry);
  CpuSession& session = CpuSession::of(k);
  const MemoryDesc bias = k.has_out(2) ? g.bias : MemoryDesc();
  const auto make = [&] {
    return typename Conv::BackwardWeights(session.engine(), Conv::algorithm, g.x, g.dweight, bias,
                                          g.y, g.strides, g.dilates, g.before, g.after, hint,
                                          attributes(), true);
  };
  const typename Conv::BackwardWeights desc = fastest(make, wrong_gradient(g));
  if (is_slow(desc, wrong_gradient(g))) return own_weight_gradient(k, g.geometry);
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

/// Whether nothing is left to oneDNN.
bool is_all_winograd(const KernelContext& k, const ConvGeometry& g) {
  const DType type = k.in_type(0);
  return (!k.has_out(0) || prefers_winograd_data_gradient(g, k.batch, type)) &&
         (!k.has_out(1) || prefers_winograd_weight_gradient(g, k.batch, type));
}

template <class Conv>
Kernel gradient(KernelContext& k) {
  const Layouts<Conv> g(k, k.in(1), k.in(2), k.in(0));
  if (needs_float32(k) && !is_all_winograd(k, g.geometry))
    return in_float32(k, k.node, gradient<Conv>);
  if (const Dim rows = windows_in_rows(g.geometry, k.batch)) return rows_gradient(k, rows);
  const typename Conv::Forward hint =
      fastest([&] { return g.forward(CpuSession::of(k).engine(), {}, {}); });
  Kernel data, weight;
  Turns turns(k);
  if (k.has_out(1))
    weight = turns([&] { return weight_gradient<Conv>(k, g, hint); });
  else if (k.has_out(2))
    weight = bias_gradient(k);
  if (k.has_out(0)) data = turns([&] { return data_gradient<Conv>(k, g, hint); });
  return [data, weight](const Launch& l) {
    if (weight) weight(l);
    if (data) data(l);
  };
}

template <class Conv>
Reduced reduced(const Node& node, DType type) {
  const auto& op = std::get<typename Conv::Op>(node.op);
  const bool can = op.accumulator == Accumulator::single || type == DType::float16;
  return can ? Reduced::leads : Reduced::never;
}

}  // namespace

KernelPair conv2d_kernels() { return {forward<Direct>, gradient<Direct>, false, reduced<Direct>}; }
KernelPair conv_transpose2d_kernels() {
  return {forward<Transposed>, gradient<Transposed>, false, reduced<Transposed>};
}

}  // namespace mpsnn::cpu
