#include "backend/cpu/inner_product.hpp"

#include <omp.h>

namespace mpsnn::cpu {
namespace {

using Forward = dnnl::inner_product_forward::primitive_desc;
using BackwardData = dnnl::inner_product_backward_data::primitive_desc;
using BackwardWeights = dnnl::inner_product_backward_weights::primitive_desc;

/// Primitives made meanwhile, if `wanted`, are for one thread.
class OneThread {
 public:
  explicit OneThread(bool wanted) : before_(omp_get_max_threads()) {
    if (wanted) omp_set_num_threads(1);
  }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

MemoryDesc rows_of(Dim rows, Dim width, DType type) { return floats({rows, width}, Tag::ab, type); }

MemoryDesc any_weight(const InnerSizes& s) { return floats({s.out, s.in}, Tag::any, s.type); }

Forward forward_of(const KernelContext& k, const InnerSizes& s, DType to) {
  return need(k, [&] {
    return Forward(CpuSession::of(k).engine(), dnnl::prop_kind::forward_training,
                   rows_of(s.rows, s.in, s.type), any_weight(s), rows_of(s.rows, s.out, to),
                   attributes(), true);
  });
}

}  // namespace

PackedProduct::PackedProduct(KernelContext& k, ValueId weight, const InnerSizes& s, bool forward,
                             DType to, Dim parts) {
  const dnnl::engine& engine = CpuSession::of(k).engine();
  const OneThread one(parts > 1);
  const auto use = [&](const auto& desc, int from_name, int to_name, Dim from_width, Dim to_width) {
    report(k, desc.impl_info_str());
    for (Dim part = 0; part < parts; ++part) {
      runs_.push_back({desc,
                       {{from_name, rows_of(s.rows, from_width, s.type)},
                        {DNNL_ARG_WEIGHTS, desc.weights_desc()},
                        {to_name, rows_of(s.rows, to_width, to)}}});
      scratches_.emplace_back(k, runs_.back().scratch_bytes());
      streams_.emplace_back(engine);
    }
    weight_ = Weight(k, weight, floats({s.out, s.in}, Tag::ab), desc.weights_desc());
  };
  if (forward) {
    use(forward_of(k, s, to), DNNL_ARG_SRC, DNNL_ARG_DST, s.in, s.out);
  } else {
    const Forward hint = forward_of(k, s, s.type);
    const auto make = [&] {
      return BackwardData(engine, rows_of(s.rows, s.in, to), any_weight(s),
                          rows_of(s.rows, s.out, s.type), hint, attributes(), true);
    };
    use(need(k, make), DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC, s.out, s.in);
  }
}

WeightProduct::WeightProduct(KernelContext& k, const InnerSizes& s, bool bias)
    : session_(&CpuSession::of(k)) {
  const MemoryDesc weight = floats({s.out, s.in}, Tag::ab);
  const MemoryDesc bias_desc = bias ? floats({s.out}, Tag::a) : MemoryDesc();
  const Forward hint = forward_of(k, s, s.type);
  const BackwardWeights desc = need(k, [&] {
    return BackwardWeights(session_->engine(), rows_of(s.rows, s.in, s.type), weight, bias_desc,
                           rows_of(s.rows, s.out, s.type), hint, attributes(), true);
  });
  report(k, desc.impl_info_str());
  run_ = Primitive(desc, {{DNNL_ARG_DIFF_DST, rows_of(s.rows, s.out, s.type)},
                          {DNNL_ARG_SRC, rows_of(s.rows, s.in, s.type)},
                          {DNNL_ARG_DIFF_WEIGHTS, weight},
                          {DNNL_ARG_DIFF_BIAS, bias_desc}});
  scratch_ = Scratch(k, run_.scratch_bytes());
}

}  // namespace mpsnn::cpu
