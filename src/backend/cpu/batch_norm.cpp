#include "backend/cpu/batch_norm.hpp"

#include "backend/cpu/cpu_session.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/strided.hpp"
#include "backend/cpu/wide.hpp"

namespace mpsnn::cpu {
namespace {

using dnnl::normalization_flags;
using dnnl::prop_kind;
using Forward = dnnl::batch_normalization_forward::primitive_desc;
using Backward = dnnl::batch_normalization_backward::primitive_desc;

/// A batch normalization as oneDNN describes it.
struct Geometry {
  const dnnl::engine& engine;
  MemoryDesc x, channels;
  float epsilon;
  normalization_flags flags = normalization_flags::use_scale | normalization_flags::use_shift;

  Geometry(const KernelContext& k, const NormSizes& s)
      : engine(CpuSession::of(k).engine()), epsilon(s.epsilon) {
    const auto c = static_cast<Dim>(s.channels), rows = static_cast<Dim>(s.rows_per_image);
    x = floats({k.batch, c, 1, rows}, Tag::nhwc, k.in_type(0));
    channels = floats({c}, Tag::a);
    if (s.relu) flags = flags | normalization_flags::fuse_norm_relu;
    if (!k.op<BatchNorm>().training) flags = flags | normalization_flags::use_global_stats;
  }

  Forward forward(const KernelContext& k, prop_kind kind) const {
    return need(k, [&] { return Forward(engine, kind, x, x, epsilon, flags, attributes(), true); });
  }
  Backward backward(const KernelContext& k, const Forward& hint) const {
    return need(k, [&] {
      return Backward(engine, prop_kind::backward, x, x, x, epsilon, flags, hint, attributes(),
                      true);
    });
  }
};

/// Whether oneDNN's mask is no larger than the one planned.
bool fits(const Forward& desc, const NormSizes& s) {
  return desc.workspace_desc().get_size() <= s.mask_bytes();
}

Kernel inference(KernelContext& k) {
  CpuSession& session = CpuSession::of(k);
  const Geometry g(k, NormSizes(k, k.in(0)));
  const Forward desc = g.forward(k, prop_kind::forward_inference);
  report(k, desc.impl_info_str());
  Primitive run(desc, {{DNNL_ARG_SRC, g.x},
                       {DNNL_ARG_SCALE, g.channels},
                       {DNNL_ARG_SHIFT, g.channels},
                       {DNNL_ARG_MEAN, g.channels},
                       {DNNL_ARG_VARIANCE, g.channels},
                       {DNNL_ARG_DST, g.x}});
  const Scratch scratch(k, run.scratch_bytes());
  return [&session, run, scratch](const Launch& l) mutable {
    run.run(session.stream(),
            {l.inputs[0], l.inputs[1], l.inputs[2], l.inputs[3], l.inputs[4], l.outputs[0]},
            scratch.at(l));
  };
}

/// An output of the node, or scratch in its place where nobody wants it.
class Output {
 public:
  Output(KernelContext& k, int index, std::size_t bytes)
      : index_(index), scratch_(k, k.has_out(index) ? 0 : bytes), wanted_(k.has_out(index)) {}
  template <class T>
  T* at(const Launch& l) const {
    return wanted_ ? l.out<T>(index_) : scratch_.at<T>(l);
  }

 private:
  int index_;
  Scratch scratch_;
  bool wanted_;
};

/// Whether our own loops take what oneDNN has nothing for: without running statistics. In float16
/// conversions take longer than a pass more over float32.
bool suits_own_loops(const KernelContext& k) {
  return k.in_type(0) == DType::bfloat16 && k.op<BatchNorm>().training;
}

/// oneDNN's, for whole batches; absent where it cannot.
Primitive whole_forward(KernelContext& k, const NormSizes& s) {
  if (needs_float32(k) || is_strided(k)) return {};
  const Geometry g(k, s);
  const Forward desc = g.forward(k, prop_kind::forward_training);
  if (!fits(desc, s)) return {};
  report(k, desc.impl_info_str());
  const MemoryDesc mask = s.relu ? desc.workspace_desc() : MemoryDesc();
  return {desc,
          {{DNNL_ARG_SRC, g.x},
           {DNNL_ARG_SCALE, g.channels},
           {DNNL_ARG_SHIFT, g.channels},
           {DNNL_ARG_DST, g.x},
           {DNNL_ARG_MEAN, g.channels},
           {DNNL_ARG_VARIANCE, g.channels},
           {DNNL_ARG_WORKSPACE, mask}}};
}

template <class T>
Kernel forward(KernelContext& k) {
  if (!k.op<BatchNorm>().training) return inference(k);
  CpuSession& session = CpuSession::of(k);
  const NormSizes s(k, k.in(0));
  Primitive run = whole_forward(k, s);
  const int whole = run ? k.batch : -1;  // images of a run that oneDNN can do
  if (!run) report(k, "mpsnn");
  const std::size_t bytes = s.channels * sizeof(float);
  const Output mean(k, 1, bytes), variance(k, 2, bytes);
  const Output masks(k, 3, s.relu ? s.mask_bytes() : 0);
  const Scratch scratch(k, std::max(run.scratch_bytes(), own_batch_norm_scratch(s)));
  const std::size_t y_row = k.out_row(0);
  return [=, &session](const Launch& l) mutable {
    const NormForward<T> d = {l.in<T>(0),
                              l.in<float>(1),
                              l.in<float>(2),
                              l.out<T>(0),
                              mean.at<float>(l),
                              variance.at<float>(l),
                              s.relu ? masks.at<std::uint8_t>(l) : nullptr,
                              s.mask_row,
                              y_row,
                              scratch.at(l)};
    if (l.run.images == whole)
      run.run(session.stream(), {d.x, d.gamma, d.beta, d.y, d.mean, d.variance, d.mask},
              scratch.at(l));
    else
      own_batch_norm(s, d, l.run.images);
  };
}

Primitive whole_backward(KernelContext& k, const NormSizes& s) {
  if (needs_float32(k) || is_strided(k)) return {};
  const Geometry g(k, s);
  const Forward hint = g.forward(k, prop_kind::forward_training);
  if (!fits(hint, s)) return {};
  const Backward desc = g.backward(k, hint);
  report(k, desc.impl_info_str());
  // oneDNN 3.2 refuses to run if it is also given the shift.
  return {desc,
          {{DNNL_ARG_DIFF_DST, g.x},
           {DNNL_ARG_SRC, g.x},
           {DNNL_ARG_SCALE, g.channels},
           {DNNL_ARG_MEAN, g.channels},
           {DNNL_ARG_VARIANCE, g.channels},
           {DNNL_ARG_WORKSPACE, s.relu ? hint.workspace_desc() : MemoryDesc()},
           {DNNL_ARG_DIFF_SRC, g.x},
           {DNNL_ARG_DIFF_SCALE, g.channels},
           {DNNL_ARG_DIFF_SHIFT, g.channels}}};
}

template <class T>
Kernel gradient(KernelContext& k) {
  CpuSession& session = CpuSession::of(k);
  const NormSizes s(k, k.in(1));
  Primitive run = whole_backward(k, s);
  const bool frozen = !k.op<BatchNorm>().training;  // padding then needs no care: its dy is 0
  const int whole = run ? k.batch : -1;
  if (!run) report(k, "mpsnn");
  const std::size_t bytes = s.channels * sizeof(float);
  const Output dx(k, 0, k.in_elements(1) * sizeof(T)), dgamma(k, 1, bytes), dbeta(k, 2, bytes);
  const Scratch scratch(k, std::max(run.scratch_bytes(), own_batch_norm_scratch(s)));
  const std::size_t dy_row = k.in_row(0);
  return [=, &session](const Launch& l) mutable {
    const NormGradient<T> d = {
        l.in<T>(0),         l.in<T>(1),     l.in<float>(2),
        l.in<float>(3),     l.in<float>(4), s.relu ? l.in<std::uint8_t>(5) : nullptr,
        s.mask_row,         dx.at<T>(l),    dgamma.at<float>(l),
        dbeta.at<float>(l), dy_row,         scratch.at(l)};
    if (l.run.images == whole || (frozen && whole > 0))
      run.run(session.stream(),
              {d.dy, d.x, d.gamma, d.mean, d.variance, d.mask, d.dx, d.dgamma, d.dbeta},
              scratch.at(l));
    else
      own_batch_norm_gradient(s, d, l.run.images);
  };
}

}  // namespace

KernelPair batch_norm_kernels() {
  return {[](KernelContext& k) {
            if (needs_float32(k) && !suits_own_loops(k))
              return in_float32(k, k.node, forward<float>);
            return with_float(k.in_type(0), [&]<class T>(T) { return forward<T>(k); });
          },
          [](KernelContext& k) {
            if (needs_float32(k) && !suits_own_loops(k))
              return in_float32(k, k.node, gradient<float>);
            return with_float(k.in_type(0), [&]<class T>(T) { return gradient<T>(k); });
          },
          true, [](const Node&, DType) { return Reduced::follows; }};
}

}  // namespace mpsnn::cpu
