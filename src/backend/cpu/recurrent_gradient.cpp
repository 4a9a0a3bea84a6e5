#include "backend/cpu/column_sum.hpp"
#include "backend/cpu/cpu_session.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/primitive.hpp"
#include "backend/cpu/recurrent.hpp"
#include "backend/cpu/wide.hpp"

namespace mpsnn::cpu {
namespace {

/// What the products at the end need, one row for each step of each image; and the states.
struct Room {
  Scratch da, x, h, operand, c, c_after, dh, dc, dextra, tmp;

  Room(KernelContext& k, const Layout& g, bool full)
      : da(k, bytes(k, g.T * g.gates * g.H)),
        x(k, bytes(k, g.T * g.I)),
        h(k, bytes(k, g.T * g.H)),
        operand(k, bytes(k, g.gates == 2 || g.gates == 3 ? g.T * g.H : 0)),
        c(k, bytes(k, full ? g.T * g.H : 0)),
        c_after(k, bytes(k, full ? g.T * g.H : 0)),
        dh(k, bytes(k, g.H)),
        dc(k, bytes(k, g.H)),
        dextra(k, bytes(k, g.initial_c >= 0 ? 4 * g.H : 0)),
        tmp(k, bytes(k, 2 * g.H)) {}
  static std::size_t bytes(const KernelContext& k, Dim n) { return k.batch * n * sizeof(float); }
};

constexpr Dim worth_a_copy = 8;  // steps that read the recurrent weight

template <class Cell>
class GradientPass {
 public:
  GradientPass(KernelContext& k, const Cell& cell, const Layout& g)
      : cell_(cell),
        g_(g),
        N_(k.batch),
        op_(name(k.node.op)),
        diagonal_(has_diagonal(k, g, 1)),
        full_(g.initial_c >= 0 && k.has_in(1 + g.extra) && !diagonal_),
        stride_(g.T >= worth_a_copy && g.H % 256 == 0 ? spread_stride(g.H) : g.H),
        spread_(k, k.node.inputs[3], floats({g.gates * g.H, g.H}, Tag::ab),
                floats({g.gates * g.H, g.H}, {stride_, 1})),
        room_(k, g, full_) {}

  void operator()(const Launch& l) {
    slabs_.arrange(input(l, g_.lengths), N_, g_.T, op_);
    const auto* U = static_cast<const float*>(spread_.get(l, l.inputs[3]));
    slabs_.each([&](Slab& slab) { run(l, slab, {U, stride_}); });
    weights(l);
    if (auto* dx = wanted<float>(l, 0)) {
      const Dim width = g_.gates * g_.H;
      float* rows = room_.x.at<float>(l);  // x is not needed any more
      if (slabs_.rows() > 0)
        gemm(slabs_.rows(), g_.I, width, {room_.da.at<float>(l), width}, {input(l, 1), g_.I}, 0,
             rows, g_.I);
      slabs_.each([&](const Slab& slab) {
        each_row(slab,
                 [&](Dim row, Dim at, Dim, Dim) { copy_row(rows, row, g_.I, dx + at * g_.I); });
      });
      clear_ends(slabs_, g_, N_, g_.I, dx);
    }
  }

 private:
  /// An input of the forward node, or what follows these.
  const float* input(const Launch& l, int i) const { return i < 0 ? nullptr : l.in<float>(1 + i); }
  const float* cells(const Launch& l) const {
    return g_.initial_c >= 0 ? input(l, g_.inputs + 2) : nullptr;
  }

  /// Calls f(row among all steps, row of the step in x, of the step before or -1, image).
  template <class F>
  void each_row(const Slab& slab, const F& f) const {
    Dim row = slab.row;
    for (Dim i = 0; i < slab.steps(); ++i)
      for (Dim j = 0; j < slab.active(i); ++j, ++row) {
        const Dim first = slab.images[j] * g_.T, length = slab.lengths[j];
        f(row, first + g_.step(i, length), i ? first + g_.step(i - 1, length) : -1, slab.images[j]);
      }
  }

  /// What the steps of a slab read, in the order of the steps.
  void gather(const Launch& l, const Slab& slab) const {
    const Dim H = g_.H;
    float *x = room_.x.at<float>(l), *h = room_.h.at<float>(l), *c = room_.c.at<float>(l);
    const float* y = input(l, g_.inputs);
    each_row(slab, [&](Dim row, Dim at, Dim before, Dim image) {
      copy_row(input(l, 0), at, g_.I, x + row * g_.I);
      if (before >= 0)
        copy_row(y, before, H, h + row * H);
      else
        copy_row(input(l, g_.initial_h), image, H, h + row * H);
      if (!full_) return;
      if (before >= 0)
        copy_row(cells(l), before, H, c + row * H);
      else
        copy_row(input(l, g_.initial_c), image, H, c + row * H);
      copy_row(cells(l), at, H, room_.c_after.at<float>(l) + row * H);
    });
  }

  /// The gradients of the states that a slab carries back from step to step, and those of
  /// diagonal peepholes.
  struct Carried {
    float *dh, *dc, *dextra;
  };

  void run(const Launch& l, Slab& slab, const Matrix& U) const {
    gather(l, slab);
    const Carried carried = begin(l, slab);
    const Weights w{U, nullptr, input(l, g_.extra), diagonal_};
    const float* dy = l.in<float>(0);
    Dim row = slab.row;
    for (Dim length : slab.lengths) row += length;
    for (Dim i = slab.steps(); i-- > 0;) {
      const Dim rows = slab.active(i);
      row -= rows;
      for (Dim j = 0; j < rows; ++j) {
        const Dim first = slab.images[j] * g_.T;
        slab.at[j] = first + g_.step(i, slab.lengths[j]);
        slab.before[j] = i ? first + g_.step(i - 1, slab.lengths[j]) : -1;
        if (dy) rows::add(carried.dh + j * g_.H, dy + slab.at[j] * g_.H, nullptr, g_.H);
      }
      Backward step = backward(l, slab, carried, row);
      step.rows = rows;
      step.through = i > 0 || wanted<float>(l, g_.initial_h);
      cell_.backward(w, step);
    }
    finish(l, slab, carried);
  }

  /// The gradients of the last states, or 0.
  Carried begin(const Launch& l, const Slab& slab) const {
    const Dim H = g_.H;
    const int first_dy = g_.inputs + g_.outputs;
    const float* dh_last = input(l, first_dy);
    const float* dc_last = g_.initial_c >= 0 ? input(l, first_dy + 1) : nullptr;
    const Carried out{room_.dh.at<float>(l) + slab.first * H,
                      room_.dc.at<float>(l) + slab.first * H,
                      diagonal_ ? room_.dextra.at<float>(l) + slab.first * 4 * H : nullptr};
    for (Dim j = 0; j < slab.count(); ++j) {
      copy_row(dh_last, slab.images[j], H, out.dh + j * H);
      copy_row(dc_last, slab.images[j], H, out.dc + j * H);
    }
    if (out.dextra) std::fill_n(out.dextra, 4 * H, 0.0f);
    return out;
  }

  /// What a step reads and writes whose rows, where each step has one, start at `row`.
  Backward backward(const Launch& l, const Slab& slab, const Carried& carried, Dim row) const {
    const Dim H = g_.H;
    return {.at = slab.at.data(),
            .before = slab.before.data(),
            .gates = g_.outputs > 1 ? input(l, g_.inputs + 1) : nullptr,
            .y = input(l, g_.inputs),
            .cells = cells(l),
            .initial_c = input(l, g_.initial_c),
            .images = slab.images.data(),
            .gates_stride = g_.saved * H,
            .h = room_.h.at<float>(l) + row * H,
            .dh = carried.dh,
            .dc = carried.dc,
            .da = room_.da.at<float>(l) + row * g_.gates * H,
            .operand = room_.operand.at<float>(l) + row * H,
            .dextra = carried.dextra,
            .tmp = room_.tmp.at<float>(l) + slab.first * 2 * H};
  }

  /// The gradients of the initial states.
  void finish(const Launch& l, const Slab& slab, const Carried& carried) const {
    float* dh = wanted<float>(l, g_.initial_h);
    float* dc = g_.initial_c < 0 ? nullptr : wanted<float>(l, g_.initial_c);
    for (Dim j = 0; j < slab.count(); ++j) {
      if (dh) copy_row(carried.dh, j, g_.H, dh + slab.images[j] * g_.H);
      if (dc) copy_row(carried.dc, j, g_.H, dc + slab.images[j] * g_.H);
    }
  }

  /// to (m, n) = the sum over all steps of a row of `a` times a row of `b`.
  void sum_products(Dim m, Dim n, const Matrix& a, const Matrix& b, float* to) const {
    if (slabs_.rows() == 0) return void(std::fill_n(to, m * n, 0.0f));
    gemm(m, n, slabs_.rows(), {a.data, a.stride, true}, b, 0, to, n);
  }

  void weights(const Launch& l) const {
    const Dim H = g_.H, width = g_.gates * H, R = slabs_.rows();
    const auto *da = room_.da.at<float>(l), *operand = room_.operand.at<float>(l);
    const Matrix h{room_.h.at<float>(l), H};
    if (auto* out = wanted<float>(l, 1))
      sum_products(width, g_.I, {da, width}, {room_.x.at<float>(l), g_.I}, out);
    if (auto* out = wanted<float>(l, 2)) {
      const Dim last = g_.gates == 2 || g_.gates == 3 ? (g_.gates - 1) * H : width;
      sum_products(last, H, {da, width}, h, out);
      if (last < width && g_.saved > g_.gates)
        sum_products(H, H, {operand, H}, h, out + last * H);
      else if (last < width)
        sum_products(H, H, {da + last, width}, {operand, H}, out + last * H);
    }
    if (auto* out = wanted<float>(l, g_.bias)) column_sum(da, R, width, out);
    auto* dextra = g_.extra < 0 ? nullptr : wanted<float>(l, g_.extra);
    if (!dextra) return;
    if (g_.gates == 3) return column_sum(operand, R, H, dextra);
    if (diagonal_) return sum_slabs(l, dextra);
    sum_products(3 * H, H, {da, width}, {room_.c.at<float>(l), H}, dextra);
    sum_products(H, H, {da + 3 * H, width}, {room_.c_after.at<float>(l), H}, dextra + 3 * H * H);
  }
  void sum_slabs(const Launch& l, float* out) const {
    std::fill_n(out, 4 * g_.H, 0.0f);
    for (const Slab& slab : slabs_)
      rows::add(out, room_.dextra.at<float>(l) + slab.first * 4 * g_.H, nullptr, 4 * g_.H);
  }

  Cell cell_;
  Layout g_;
  Dim N_;
  std::string_view op_;
  bool diagonal_, full_;
  Dim stride_;  ///< Of the recurrent weight.
  Weight spread_;
  Room room_;
  Slabs slabs_;
};

// in: dy, the inputs of the forward node, y, gates, cells, dh, dc.  out: by input, but the lengths
template <class Cell, class Op>
Kernel gradient(KernelContext& k) {
  const Layout g(k.node.op, k.in(1), k.in(2));
  report(k, "gemm + mpsnn");
  return GradientPass<Cell>(k, {k.op<Op>(), g.H}, g);
}

}  // namespace

Kernel rnn_gradient(KernelContext& k) { return gradient<RnnCell, Rnn>(k); }
Kernel lstm_gradient(KernelContext& k) {
  if (needs_float32(k, 1)) return in_float32(k, k.node, lstm_gradient);
  if (k.in_type(1) == DType::bfloat16) return reduced_lstm_gradient(k);
  return gradient<LstmCell, Lstm>(k);
}
Kernel gru_gradient(KernelContext& k) { return gradient<GruCell<Gru>, Gru>(k); }
Kernel mgu_gradient(KernelContext& k) { return gradient<GruCell<Mgu>, Mgu>(k); }

}  // namespace mpsnn::cpu
