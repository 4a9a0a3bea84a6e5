#pragma once

#include "backend/cpu/gemm.hpp"
#include "backend/cpu/lstm_rows.hpp"
#include "backend/cpu/recurrent_rows.hpp"
#include "ops/neuron_terms.hpp"
#include "ops/recurrent.hpp"

/// One step of some images, forward and back, of each recurrent op.
namespace mpsnn::cpu {

/// What does not change from step to step.
struct Weights {
  Matrix U{};  ///< Recurrent weight: forward (H, G * H), back (G * H, H).
  const float *bias = nullptr, *extra = nullptr;
  bool diagonal = false;  ///< Of the peephole.
};

/// The i-th step of images; one row each.
struct Forward {
  Dim rows;
  bool from_zero;  ///< Whether the state before is 0.
  const Dim* at;   ///< Row of the step in what follows, which have one row for each step.
  float* gates;    ///< Starts as W x, and becomes what is saved.
  bool keep;       ///< Whether that is wanted.
  Dim gates_stride;
  float *h, *c;      ///< The state before; becomes that after.
  float *sum, *tmp;  ///< (rows, G * H) and (rows, H) to use.
};

struct Backward {
  Dim rows = 0;
  bool through = true;     ///< Whether the gradient of the state before is wanted.
  const Dim *at, *before;  ///< Rows of the step, and of the one before it; -1: none.
  const float *gates, *y, *cells, *initial_c;
  const Dim* images;
  Dim gates_stride;
  const float* h;  ///< The state before, one row for each of these.
  float *dh, *dc;  ///< Gradient of the state after; becomes that of the one before.
  float* da;       ///< Of W x + b.
  float* operand;  ///< Of a Gru: what Un is multiplied with or, with reset_after, its gradient.
  float* dextra;   ///< Of a diagonal peephole: summed up; null: not wanted.
  float* tmp;      ///< (rows, 2 * H) to use.
};

struct RnnCell {
  Rnn op;
  Dim H;

  void forward(const Weights& w, const Forward& s) const {
    if (!s.from_zero) gemm(s.rows, H, H, {s.h, H}, w.U, 0, s.sum, H);
    for (Dim j = 0; j < s.rows; ++j) {
      float *a = s.gates + s.at[j] * s.gates_stride, *h = s.h + j * H;
      rows::add(a, s.from_zero ? nullptr : s.sum + j * H, w.bias, H);
      rows::activate(op.neuron, a, h, H);
    }
  }
  void backward(const Weights& w, const Backward& s) const {
    for (Dim j = 0; j < s.rows; ++j) {
      std::copy_n(s.dh + j * H, H, s.da + j * H);
      rows::multiply_slope(op.neuron, s.y + s.at[j] * H, s.da + j * H, H);
    }
    if (s.through) gemm(s.rows, H, H, {s.da, H}, w.U, 0, s.dh, H);
  }
};

struct LstmCell {
  Lstm op;
  Dim H;

  /// Whether steps are those of lstm_rows.hpp, which need a bias on the way forward.
  bool is_usual(const Weights& w) const { return rows::has_usual_neurons(op) && !w.extra; }

  void forward(const Weights& w, const Forward& s) const {
    if (!s.from_zero) gemm(s.rows, 4 * H, H, {s.h, H}, w.U, 0, s.sum, 4 * H);
    if (!is_usual(w) || !w.bias) return forward_rows(w, s);
    for (Dim j = 0; j < s.rows; ++j) {
      float* a = s.gates + s.at[j] * s.gates_stride;
      rows::lstm(rows::LstmStep<float>{a, s.from_zero ? nullptr : s.sum + j * 4 * H, w.bias,
                                       s.c + j * H, s.h + j * H, s.keep ? a : nullptr},
                 H);
    }
  }
  /// What follows the product with U.
  void forward_rows(const Weights& w, const Forward& s) const {
    const bool full = w.extra && !w.diagonal;
    if (full) {
      if (s.from_zero) std::fill_n(s.sum, s.rows * 4 * H, 0.0f);
      gemm(s.rows, 3 * H, H, {s.c, H}, {w.extra, H, true}, 1, s.sum, 4 * H);
    }
    const bool no_sum = s.from_zero && !full;
    for (Dim j = 0; j < s.rows; ++j) {
      float* a = s.gates + s.at[j] * s.gates_stride;
      rows::add(a, no_sum ? nullptr : s.sum + j * 4 * H, w.bias, (full ? 3 : 4) * H);
      cell(w, a, s.c + j * H);
      if (!full) hidden(w, a, s.c + j * H, s.h + j * H, s.tmp + j * H);
    }
    if (!full) return;
    gemm(s.rows, H, H, {s.c, H}, {w.extra + 3 * H * H, H, true}, 1, s.sum + 3 * H, 4 * H);
    for (Dim j = 0; j < s.rows; ++j) {
      float* a = s.gates + s.at[j] * s.gates_stride;
      rows::add(a + 3 * H, s.sum + j * 4 * H + 3 * H, w.bias ? w.bias + 3 * H : nullptr, H);
      hidden(w, a, s.c + j * H, s.h + j * H, s.tmp + j * H);
    }
  }
  void cell(const Weights& w, float* a, float* c) const {
    if (w.extra && w.diagonal)
      for (Dim gate = 0; gate < 3; ++gate)
        rows::add_product(a + gate * H, w.extra + gate * H, c, H);
    if (op.input_gate == op.forget_gate) {
      rows::activate(op.input_gate, a, a, 2 * H);
    } else {
      rows::activate(op.input_gate, a, a, H);
      rows::activate(op.forget_gate, a + H, a + H, H);
    }
    rows::activate(op.cell_gate, a + 2 * H, a + 2 * H, H);
    rows::lstm_cell(a, c, H);
  }
  void hidden(const Weights& w, float* a, const float* c, float* h, float* tmp) const {
    float* o = a + 3 * H;
    if (w.extra && w.diagonal) rows::add_product(o, w.extra + 3 * H, c, H);
    rows::activate(op.output_gate, o, o, H);
    rows::activate(op.hidden, c, tmp, H);
    rows::multiply(o, tmp, h, H);
  }

  void backward(const Weights& w, const Backward& s) const {
    const bool usual = is_usual(w);
    for (Dim j = 0; usual && j < s.rows; ++j)
      rows::lstm_gradient(
          rows::LstmStepGradient<float>{s.gates + s.at[j] * s.gates_stride, s.cells + s.at[j] * H,
                                        c_before(s, j), s.dh + j * H, s.dc + j * H,
                                        s.da + j * 4 * H},
          H);
    if (!usual) backward_rows(w, s);
    if (s.through) gemm(s.rows, H, 4 * H, {s.da, 4 * H}, w.U, 0, s.dh, H);
  }
  /// What comes before the product with U.
  void backward_rows(const Weights& w, const Backward& s) const {
    const bool full = w.extra && !w.diagonal;
    for (Dim j = 0; j < s.rows; ++j) {
      const float *g = s.gates + s.at[j] * s.gates_stride, *c1 = s.cells + s.at[j] * H;
      float *dh = s.dh + j * H, *dc = s.dc + j * H, *da = s.da + j * 4 * H;
      float *result = s.tmp + j * 2 * H, *through = result + H;
      rows::activate(op.hidden, c1, result, H);
      rows::multiply(dh, g + 3 * H, through, H);
      rows::multiply_slope(op.hidden, neuron::saves_result(op.hidden) ? result : c1, through, H);
      rows::add(dc, through, nullptr, H);
      rows::multiply(dh, result, da + 3 * H, H);
      rows::multiply_slope(op.output_gate, g + 3 * H, da + 3 * H, H);
      if (w.extra && w.diagonal) peephole_gradient(w, s, 3, da, c1, dc);
      if (!full) cell_gradient(w, s, j);
    }
    if (!full) return;
    gemm(s.rows, H, H, {s.da + 3 * H, 4 * H}, {w.extra + 3 * H * H, H}, 1, s.dc, H);
    for (Dim j = 0; j < s.rows; ++j) cell_gradient(w, s, j);
    gemm(s.rows, H, 3 * H, {s.da, 4 * H}, {w.extra, H}, 1, s.dc, H);
  }
  const float* c_before(const Backward& s, Dim j) const {
    if (s.before[j] >= 0) return s.cells + s.before[j] * H;
    return s.initial_c ? s.initial_c + s.images[j] * H : nullptr;
  }
  void cell_gradient(const Weights& w, const Backward& s, Dim j) const {
    const float *g = s.gates + s.at[j] * s.gates_stride, *c = c_before(s, j);
    float *da = s.da + j * 4 * H, *dc = s.dc + j * H;
    rows::lstm_cell_gradient(g, c, dc, da, H);
    rows::multiply_slope(op.input_gate, g, da, H);
    rows::multiply_slope(op.forget_gate, g + H, da + H, H);
    rows::multiply_slope(op.cell_gate, g + 2 * H, da + 2 * H, H);
    if (w.extra && w.diagonal)
      for (int gate = 0; gate < 3; ++gate) peephole_gradient(w, s, gate, da, c, dc);
  }
  void peephole_gradient(const Weights& w, const Backward& s, int gate, const float* da,
                         const float* c, float* dc) const {
    rows::add_product(dc, w.extra + gate * H, da + gate * H, H);
    if (s.dextra && c) rows::add_product(s.dextra + gate * H, da + gate * H, c, H);
  }
};

/// Gru and Mgu: gate 0 is z, the last but one is r, and the last one is n.
template <class Op>
struct GruCell {
  Op op;
  Dim H;
  static constexpr Dim r = std::is_same_v<Op, Gru> ? 1 : 0, n = r + 1, G = n + 1;

  bool after() const {
    if constexpr (r == 1) return op.reset_after;
    return false;
  }
  rows::Mix mix() const { return {op.power, op.flip}; }

  void forward(const Weights& w, const Forward& s) const {
    const Dim width = after() ? G * H : n * H;
    if (!s.from_zero) gemm(s.rows, width, H, {s.h, H}, w.U, 0, s.sum, G * H);
    for (Dim j = 0; j < s.rows; ++j) {
      float* a = s.gates + s.at[j] * s.gates_stride;
      rows::add(a, s.from_zero ? nullptr : s.sum + j * G * H, w.bias, n * H);
      rows::activate(op.update_gate, a, a, H);
      if constexpr (r == 1) rows::activate(op.reset_gate, a + H, a + H, H);
      if (after())
        finish_after(w, a, s.from_zero ? nullptr : s.sum + j * G * H + n * H, s.h + j * H);
      else
        rows::multiply(a + r * H, s.h + j * H, s.tmp + j * H, H);
    }
    if (after()) return;
    if (!s.from_zero)
      gemm(s.rows, H, H, {s.tmp, H}, {w.U.data + n * H, w.U.stride}, 0, s.sum, G * H);
    for (Dim j = 0; j < s.rows; ++j) {
      float* a = s.gates + s.at[j] * s.gates_stride;
      rows::add(a + n * H, s.from_zero ? nullptr : s.sum + j * G * H,
                w.bias ? w.bias + n * H : nullptr, H);
      rows::activate(op.candidate, a + n * H, a + n * H, H);
      rows::gru_mix(mix(), a, a + n * H, s.h + j * H, H);
    }
  }
  /// With reset_after: `q` is Un h, and is saved behind the gates.
  void finish_after(const Weights& w, float* a, const float* q, float* h) const {
    float* saved = a + G * H;
    std::fill_n(saved, H, 0.0f);
    rows::add(saved, q, w.extra, H);
    rows::add(a + n * H, w.bias ? w.bias + n * H : nullptr, nullptr, H);
    rows::add_product(a + n * H, a + r * H, saved, H);
    rows::activate(op.candidate, a + n * H, a + n * H, H);
    rows::gru_mix(mix(), a, a + n * H, h, H);
  }

  void backward(const Weights& w, const Backward& s) const {
    for (Dim j = 0; j < s.rows; ++j) {
      const float* g = s.gates + s.at[j] * s.gates_stride;
      float *da = s.da + j * G * H, *operand = s.operand + j * H;
      const float* h = s.h + j * H;
      rows::gru_mix_gradient(mix(), g, g + n * H, h, s.dh + j * H, da, da + n * H, H);
      rows::multiply_slope(op.candidate, g + n * H, da + n * H, H);
      rows::multiply(after() ? da + n * H : h, g + r * H, operand, H);
    }
    const Matrix dq = after() ? Matrix{s.operand, H} : Matrix{s.da + n * H, G * H};
    gemm(s.rows, H, H, dq, {w.U.data + n * H * w.U.stride, w.U.stride}, 0, s.tmp, H);
    for (Dim j = 0; j < s.rows; ++j) {
      const float* g = s.gates + s.at[j] * s.gates_stride;
      reset_gradient(s, j, g, s.tmp + j * H);
      float* da = s.da + j * G * H;
      rows::multiply_slope(op.update_gate, g, da, H);
      if constexpr (r == 1) rows::multiply_slope(op.reset_gate, g + H, da + H, H);
    }
    if (s.through) gemm(s.rows, H, n * H, {s.da, G * H}, w.U, 1, s.dh, H);
  }
  /// `dv`: the gradient of what Un is multiplied with.
  void reset_gradient(const Backward& s, Dim j, const float* g, const float* dv) const {
    float *da = s.da + j * G * H, *dh = s.dh + j * H;
    if (after()) {
      rows::multiply(da + n * H, g + G * H, da + r * H, H);
      rows::add(dh, dv, nullptr, H);
      return;
    }
    if (r == 0)
      rows::add_product(da, dv, s.h + j * H, H);
    else
      rows::multiply(dv, s.h + j * H, da + r * H, H);
    rows::add_product(dh, dv, g + r * H, H);
  }
};

}  // namespace mpsnn::cpu
