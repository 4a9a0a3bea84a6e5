#include "backend/cpu/inner_product.hpp"

#include <omp.h>

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/column_sum.hpp"

namespace mpsnn::cpu {
namespace {

using Forward = dnnl::inner_product_forward::primitive_desc;
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

PackedProduct::PackedProduct(KernelContext& k, ValueId weight, const InnerSizes& s, Kind kind,
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
  if (kind == Kind::forward) {
    use(forward_of(k, s, to), DNNL_ARG_SRC, DNNL_ARG_DST, s.in, s.out);
  } else {
    // By matmul: an inner product would transpose the weight in every run.
    const auto make = [&] {
      return dnnl::matmul::primitive_desc(engine, rows_of(s.rows, s.out, s.type), any_weight(s),
                                          rows_of(s.rows, s.in, to), attributes(), true);
    };
    use(need(k, make), DNNL_ARG_SRC, DNNL_ARG_DST, s.out, s.in);
  }
}

/// In ms on 2 cores with AMX, in bfloat16:
///                   inner product (gemm)   matmul (brgemm)
///     64, 3136 -> 1024       2.36               0.63
///    128,  512 ->  512       0.12               0.08
///    512, 3136 -> 1024      11.4                7.1
///   1352, 9216 -> 1024      21.8               28.6
///     32,  512 ->  512       0.06               0.13
/// In float32 matmul has no fast way to read a transposed operand. In float16 the inner product has
/// a fast one only for gradients of float16, which would round and overflow.
bool WeightProduct::prefers_matmul(const InnerSizes& s) {
  if (s.type == DType::float16) return true;
  return s.type == DType::bfloat16 && s.rows >= 48 && s.rows <= 512;
}

WeightProduct::WeightProduct(KernelContext& k, const InnerSizes& s, bool bias)
    : session_(&CpuSession::of(k)), sizes_(s), sums_columns_(bias && prefers_matmul(s)) {
  const MemoryDesc weight = floats({s.out, s.in}, Tag::ab), x = rows_of(s.rows, s.in, s.type);
  if (prefers_matmul(s)) {
    const MemoryDesc dy = floats({s.out, s.rows}, Tag::ba, s.type);
    const auto desc = need(k, [&] {
      return dnnl::matmul::primitive_desc(session_->engine(), dy, x, weight, attributes(), true);
    });
    report(k, desc.impl_info_str());
    run_ = Primitive(desc, {{DNNL_ARG_SRC, dy},
                            {DNNL_ARG_WEIGHTS, x},
                            {DNNL_ARG_DST, weight},
                            {DNNL_ARG_BIAS, MemoryDesc()}});
  } else {
    const MemoryDesc bias_desc = bias ? floats({s.out}, Tag::a) : MemoryDesc();
    const MemoryDesc dy = rows_of(s.rows, s.out, s.type);
    const Forward hint = forward_of(k, s, s.type);
    const BackwardWeights desc = need(k, [&] {
      return BackwardWeights(session_->engine(), x, weight, bias_desc, dy, hint, attributes(),
                             true);
    });
    report(k, desc.impl_info_str());
    run_ = Primitive(desc, {{DNNL_ARG_DIFF_DST, dy},
                            {DNNL_ARG_SRC, x},
                            {DNNL_ARG_DIFF_WEIGHTS, weight},
                            {DNNL_ARG_DIFF_BIAS, bias_desc}});
  }
  scratch_ = Scratch(k, run_.scratch_bytes());
}

void WeightProduct::run(const Launch& l, const void* x, const void* dy, void* dweight,
                        void* dbias) {
  run_.run(session_->stream(), {dy, x, dweight, dbias}, scratch_.at(l));
  if (sums_columns_)
    with_float(sizes_.type, [&]<class T>(T) {
      column_sum(static_cast<const T*>(dy), sizes_.rows, sizes_.out, static_cast<float*>(dbias));
    });
}

}  // namespace mpsnn::cpu
