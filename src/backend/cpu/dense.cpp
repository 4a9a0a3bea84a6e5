#include "backend/cpu/dense.hpp"

#include <algorithm>
#include <atomic>

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/column_sum.hpp"
#include "backend/cpu/dots.hpp"
#include "backend/cpu/few_rows.hpp"
#include "backend/cpu/gemm.hpp"
#include "backend/cpu/inner_product.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/lanes.hpp"
#include "backend/cpu/recurrent_rows.hpp"
#include "backend/cpu/simd.hpp"
#include "backend/cpu/tile_dense.hpp"
#include "backend/cpu/tiles.hpp"
#include "backend/cpu/wide.hpp"

namespace mpsnn::cpu {
namespace {

using Inner = dnnl::inner_product_forward::primitive_desc;
using BackwardData = dnnl::inner_product_backward_data::primitive_desc;
using Matmul = dnnl::matmul::primitive_desc;

struct Sizes {
  Dim n, in, out;
  DType type;  ///< Of x and y.
  MemoryDesc x = floats({n, in}, Tag::ab, type), y = floats({n, out}, Tag::ab, type);
  MemoryDesc weight = floats({out, in}, Tag::ab), bias = floats({out}, Tag::a);
  /// As an implementation reads it: where it lies in float32, else a packed copy.
  MemoryDesc read = type == DType::float32 ? weight : floats({out, in}, Tag::any, type);

  /// `rows` of x, with the weight of an op whose first axis is the output.
  Sizes(DType type, Dim rows, const Shape& w)
      : n(rows), in(w.size() / w[0]), out(w[0]), type(type) {}

  Inner inner(const dnnl::engine& engine, const MemoryDesc& layout, const MemoryDesc& bias_or_none,
              const Activation& activation) const {
    return {engine,
            dnnl::prop_kind::forward_training,
            x,
            layout,
            bias_or_none,
            y,
            attributes(activation),
            true};
  }
};

/// y by inner product, whose implementation says in which `layout` it wants the weight.
Primitive packed_product(KernelContext& k, const Sizes& s, const Activation& activation,
                         MemoryDesc& layout) {
  const MemoryDesc bias = k.has_in(2) ? s.bias : MemoryDesc();
  const Inner desc = need(k, [&] {
    return s.inner(CpuSession::of(k).engine(), floats({s.out, s.in}, Tag::any, s.type), bias,
                   activation);
  });
  report(k, desc.impl_info_str());
  layout = desc.weights_desc();
  return {desc,
          {{DNNL_ARG_SRC, s.x},
           {DNNL_ARG_WEIGHTS, layout},
           {DNNL_ARG_BIAS, bias},
           {DNNL_ARG_DST, s.y}}};
}

/// y = x times the weight as it lies, transposed.
Primitive product_in_place(KernelContext& k, const Sizes& s, const Activation& activation,
                           std::string_view avoid) {
  const MemoryDesc weight = floats({s.in, s.out}, Tag::ba);
  const MemoryDesc bias = k.has_in(2) ? floats({1, s.out}, Tag::ab) : MemoryDesc();
  const auto make = [&] {
    return Matmul(CpuSession::of(k).engine(), s.x, weight, bias, s.y, attributes(activation), true);
  };
  const Matmul desc = need(k, make, avoid);
  report(k, desc.impl_info_str());
  return {desc,
          {{DNNL_ARG_SRC, s.x},
           {DNNL_ARG_WEIGHTS, weight},
           {DNNL_ARG_BIAS, bias},
           {DNNL_ARG_DST, s.y}}};
}

/// What follows the products of few rows.
void finish_rows(const Sizes& s, const float* bias, const Activation& activation, float* y) {
  for (Dim r = 0; r < s.n; ++r) rows::add(y + r * s.out, bias, nullptr, s.out);
  if (activation) rows::activate(*activation, y, y, s.n * s.out);
}

Kernel few_rows_forward(KernelContext& k, const Sizes& s, const Activation& activation) {
  FewRows product(k, k.node.inputs[1], s.out, s.in);
  const Scratch whole(k, s.n * product.stride() * sizeof(BFloat16));
  const Scratch sums(k, s.n * s.out * sizeof(float));
  return [=](const Launch& l) mutable {
    auto* y = sums.at<float>(l);
    product.prepare(l, l.inputs[1]);
    product.run(l.in<BFloat16>(0), s.n, whole.at<BFloat16>(l), y);
    finish_rows(s, l.in<float>(2), activation, y);
    convert(y, l.out<BFloat16>(0), s.n * s.out);
  };
}

/// For few rows of x; without AVX-512 more of them, if they stay in a cache: the digits' inference
/// then takes 1.22 and 2.24 ms at batch 8 and 16, where a packed copy takes 1.30 and 2.54, and 0.36
/// at batch 2 where oneDNN's gemm takes 0.59.
bool prefers_dots(const Sizes& s) {
  const bool few =
      s.n <= Dots::most_rows || (!has_512_bits() && s.n <= 16 && s.n * s.in <= Dim{1} << 16);
  return s.type == DType::float32 && few && s.in >= Dots::least_in;
}

Kernel dots_forward(KernelContext& k, const Sizes& s, const Activation& activation) {
  report(k, "mpsnn:dots");
  return [=](const Launch& l) {
    auto* y = l.out<float>(0);
    few_dots(l.in<float>(1), s.out, s.in, l.in<float>(0), s.n, y);
    finish_rows(s, l.in<float>(2), activation, y);
  };
}

/// Whether a layer of bfloat16 whose weight changes at every step has so few rows that float32,
/// which reads it as it lies and writes its gradient in order, is fastest. A step of the digits
/// takes on 2 cores of Zen 4, by tile_dense.cpp and so, 2.8 and 2.3 ms with one image, 3.1 and 3.1
/// with four; with instructions of AVX2, which must pack the weight, 3.1 and 2.3, 4.1 and 3.2.
bool prefers_float32(const KernelContext& k, const Sizes& s, ValueId weight) {
  const Dim most = tiles::usable() ? 2 : Dots::most_rows;
  return s.type == DType::bfloat16 && s.n <= most && is_updated(k, weight);
}

/// How the weight is read, by what was measured on 2 AVX-512 cores, in ms:
///                                packed (packing)   as it lies: brg   as it lies: gemm
///   3136 -> 1024, batch 4         0.08                0.21              0.18
///   3136 -> 1024, batch 64        0.90   (0.52)       1.15              1.75
///    512 ->  512, batch 64        0.07   (0.04)       0.10              0.18
/// So a packed copy, which takes as much memory again as the weight, is for one that this graph
/// does not change at every step. With AVX2 alone, the digits' inference takes 13.2 ms packed
/// and 11.7 as the weight lies at batch 64.
Kernel forward(KernelContext& k, Dim rows, const Activation& activation) {
  CpuSession& session = CpuSession::of(k);
  const Sizes s(k.in_type(0), rows, k.in(1));
  const auto wide = [=](KernelContext& k) { return forward(k, rows, activation); };
  if (prefers_float32(k, s, k.node.inputs[1])) return in_float32(k, k.node, wide);
  if (prefers_tile_dense(k, rows, k.node.inputs[1], activation))
    return tile_dense(k, rows, activation);
  if (s.type == DType::bfloat16 && FewRows::suits(rows, s.out))
    return few_rows_forward(k, s, activation);
  if (needs_float32(k)) return in_float32(k, k.node, wide);
  if (prefers_dots(s)) return dots_forward(k, s, activation);
  MemoryDesc layout = s.weight;
  const bool in_place = is_updated(k, k.node.inputs[1]) || (rows > 16 && !has_512_bits());
  Primitive run = s.type == DType::float32 && in_place
                      ? product_in_place(k, s, activation, rows < 8 ? "brg" : "ref")
                      : packed_product(k, s, activation, layout);
  Weight weight(k, k.node.inputs[1], s.weight, layout);
  weight.alone(k, k.node.inputs[1]);
  const Scratch scratch(k, run.scratch_bytes());
  return [&session, run, weight, scratch](const Launch& l) mutable {
    run.run(session.stream(), {l.inputs[0], weight.get(l, l.inputs[1]), l.inputs[2], l.outputs[0]},
            scratch.at(l));
  };
}

// Both gradients use the weight as it lies, in float32: 3136 -> 1024 at batch 64 takes 0.90 and
// 0.93 ms by gemm, and 1.1 + 0.5 and 1.0 + 0.5 ms by brgemm with packing.

Kernel data_gradient(KernelContext& k, const Sizes& s) {
  CpuSession& session = CpuSession::of(k);
  const Inner hint = need(k, [&] { return s.inner(session.engine(), s.read, {}, {}); });
  const BackwardData desc = need(k, [&] {
    return BackwardData(session.engine(), s.x, s.read, s.y, hint, attributes(), true);
  });
  report(k, desc.impl_info_str());
  const MemoryDesc layout = desc.weights_desc();
  Primitive run(desc,
                {{DNNL_ARG_DIFF_DST, s.y}, {DNNL_ARG_WEIGHTS, layout}, {DNNL_ARG_DIFF_SRC, s.x}});
  Weight weight(k, k.node.inputs[2], s.weight, layout);
  const Scratch scratch(k, run.scratch_bytes());
  return [&session, run, weight, scratch](const Launch& l) mutable {
    run.run(session.stream(), {l.inputs[0], weight.get(l, l.inputs[2]), l.outputs[0]},
            scratch.at(l));
  };
}

Kernel weight_gradient(KernelContext& k, const Sizes& s) {
  WeightProduct product(k, {s.n, s.in, s.out, s.type}, k.has_out(2));
  return [product](const Launch& l) mutable {
    product.run(l, l.inputs[1], l.inputs[0], l.outputs[1], l.outputs[2]);
  };
}

/// Gradients in float32 where threads have many rows of the weight each: these are then read, and
/// their gradients written, by the thread that updates them, and no line of them goes from one
/// processor to another. For what these have in common, a part of dx for each thread must be small.
/// In ms on 2 cores of Zen 4, 64 images, 3136 -> 1024: 3.8, where both products by all threads take
/// 4.0; and Adam behind them 2.2 instead of 4.5, if the cores have no cache in common.
class OwnRows {
 public:
  static bool suits(const Sizes& s) {
    const Dim threads = omp_get_max_threads();
    return s.type == DType::float32 && threads > 1 && s.out >= 128 * threads &&
           s.n * s.in <= Dim{1} << 18;
  }

  OwnRows(KernelContext& k, const Sizes& s)
      : n_(s.n),
        in_(s.in),
        out_(s.out),
        parts_(k, k.has_out(0) ? (omp_get_max_threads() - 1) * n_ * in_ * sizeof(float) : 0) {
    report(k, "gemm");
  }

  void operator()(const Launch& l) const {
    const auto *dy = l.in<float>(0), *x = l.in<float>(1), *w = l.in<float>(2);
    auto *dx = wanted<float>(l, 0), *dw = wanted<float>(l, 1), *parts = parts_.at<float>(l);
    std::atomic<Dim> threads = 1;
    RegionError error;
    parallel_for(out_, in_, [&](Dim begin, Dim end) {
      const Dim rows = end - begin, me = omp_get_thread_num();
      threads = omp_get_num_threads();
      error.catch_from([&] {
        if (dw) gemm(rows, in_, n_, {dy + begin, out_, true}, {x, in_}, 0, dw + begin * in_, in_);
        if (dx)
          gemm(n_, in_, rows, {dy + begin, out_}, {w + begin * in_, in_}, 0,
               me == 0 ? dx : parts + (me - 1) * n_ * in_, in_);
      });
    });
    error.rethrow();
    if (!dx) return;
    parallel_for(n_ * in_, 1, [&](std::size_t begin, std::size_t end) {
      for (Dim i = 0; i + 1 < threads; ++i)
        rows::add(dx + begin, parts + i * n_ * in_ + begin, nullptr, end - begin);
    });
  }

 private:
  Dim n_, in_, out_;
  Scratch parts_;  ///< Of dx, of all threads but the first.
};

Kernel own_rows_gradient(KernelContext& k, const Sizes& s) {
  const OwnRows products(k, s);
  return [=](const Launch& l) {
    products(l);
    if (auto* dbias = wanted<float>(l, 2)) column_sum(l.in<float>(0), s.n, s.out, dbias);
  };
}

Kernel gradient(KernelContext& k, Dim rows) {
  const Sizes s(k.in_type(0), rows, k.in(2));
  if (prefers_float32(k, s, k.node.inputs[2]))
    return in_float32(k, k.node, [=](KernelContext& wide) { return gradient(wide, rows); });
  if (OwnRows::suits(s)) return own_rows_gradient(k, s);
  Kernel data, weight;
  Turns turns(k);
  if (k.has_out(1))
    weight = turns([&] { return weight_gradient(k, s); });
  else if (k.has_out(2))
    weight = bias_gradient(k);
  if (k.has_out(0))
    data = turns([&] {
      return prefers_tile_dense(k, rows, k.node.inputs[2], {}) ? tile_dense_data_gradient(k, rows)
                                                               : data_gradient(k, s);
    });
  return [data, weight](const Launch& l) {
    if (weight) weight(l);
    if (data) data(l);
  };
}

Kernel dense(KernelContext& k) { return forward(k, k.batch, k.op<Dense>().activation); }

Kernel dense_gradient(KernelContext& k) {
  if (needs_float32(k)) return in_float32(k, k.node, dense_gradient);
  return gradient(k, k.batch);
}

}  // namespace

KernelPair dense_kernels() {
  return {dense, dense_gradient, false, [](const Node&, DType) { return Reduced::leads; }};
}

Kernel rows_forward(KernelContext& k, Dim rows, const Activation& activation) {
  return forward(k, rows, activation);
}

Kernel rows_gradient(KernelContext& k, Dim rows) { return gradient(k, rows); }

}  // namespace mpsnn::cpu
