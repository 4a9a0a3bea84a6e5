#pragma once

#include <algorithm>
#include <vector>

#include "backend/reference/kernels.hpp"
#include "ops/neuron_terms.hpp"
#include "ops/recurrent.hpp"

/// One step of one image, forward and back, of each recurrent op.
namespace mpsnn::reference {

/// H rows of a weight (H, H), which belong to one gate.
struct Rows {
  const double* weight;
  Dim H;

  /// out += weight v
  void add(const double* v, double* out) const {
    for (Dim i = 0; i < H; ++i)
      for (Dim j = 0; j < H; ++j) out[i] += weight[i * H + j] * v[j];
  }
  /// out += weight^T p
  void add_transposed(const double* p, double* out) const {
    for (Dim i = 0; i < H; ++i)
      for (Dim j = 0; j < H; ++j) out[j] += weight[i * H + j] * p[i];
  }
};

/// weight += p v^T, if there is one
inline void add_outer(double* weight, const double* p, const double* v, Dim rows, Dim columns) {
  if (!weight) return;
  for (Dim i = 0; i < rows; ++i)
    for (Dim j = 0; j < columns; ++j) weight[i * columns + j] += p[i] * v[j];
}

/// The state before a step and after it; `gates` starts as W x + b and becomes what is saved.
struct Step {
  const double *U, *extra;  ///< Recurrent weight; peephole or recurrent bias, or null.
  bool diagonal;            ///< Of the peephole.
  const double *h, *c;
  double *gates, *h1, *c1;
};

/// What goes back: `dh` and `dc` are the gradients of h1 and c1, and become those of h and c;
/// `da` receives that of W x + b; the others are summed up, where they are not null.
struct Back {
  double *dh, *dc, *da, *dU, *dextra;
};

inline double value(const Neuron& n, double x) {
  return neuron::with_term<double>(n, [x](auto term) { return term.value(x); });
}
/// Of a neuron whose result is `y`.
inline double slope(const Neuron& n, double y) {
  return neuron::with_term<double>(n, [y](auto term) { return term.slope(y); });
}

struct RnnCell {
  Rnn op;
  Dim H;

  void forward(const Step& s) const {
    Rows{s.U, H}.add(s.h, s.gates);
    for (Dim i = 0; i < H; ++i) s.h1[i] = value(op.neuron, s.gates[i]);
  }
  void backward(const Step& s, const Back& b) const {
    for (Dim i = 0; i < H; ++i) b.da[i] = b.dh[i] * slope(op.neuron, s.h1[i]);
    std::fill_n(b.dh, H, 0.0);
    Rows{s.U, H}.add_transposed(b.da, b.dh);
    add_outer(b.dU, b.da, s.h, H, H);
  }
};

struct LstmCell {
  Lstm op;
  Dim H;

  enum Gate : std::uint8_t { input, forget, cell, output };
  const Neuron& neuron(int gate) const {
    const Neuron* all[] = {&op.input_gate, &op.forget_gate, &op.cell_gate, &op.output_gate};
    return *all[gate];
  }
  /// a += V c, for one gate.
  void peep(const Step& s, int gate, const double* c, double* a) const {
    if (!s.extra) return;
    if (!s.diagonal) return Rows{s.extra + gate * H * H, H}.add(c, a);
    for (Dim i = 0; i < H; ++i) a[i] += s.extra[gate * H + i] * c[i];
  }
  void activate(const Step& s, int gate, const double* c) const {
    double* a = s.gates + gate * H;
    Rows{s.U + gate * H * H, H}.add(s.h, a);
    peep(s, gate, c, a);
    for (Dim i = 0; i < H; ++i) a[i] = value(neuron(gate), a[i]);
  }
  void forward(const Step& s) const {
    for (int gate : {input, forget, cell}) activate(s, gate, s.c);
    const double* g = s.gates;
    for (Dim i = 0; i < H; ++i) s.c1[i] = g[H + i] * s.c[i] + g[i] * g[2 * H + i];
    activate(s, output, s.c1);
    for (Dim i = 0; i < H; ++i) s.h1[i] = g[3 * H + i] * value(op.hidden, s.c1[i]);
  }

  /// The gradient of a gate's sum, from that of its result; and through the peephole to c.
  void deactivate(const Step& s, const Back& b, int gate, const double* c, double* dc) const {
    double* da = b.da + gate * H;
    for (Dim i = 0; i < H; ++i) da[i] *= slope(neuron(gate), s.gates[gate * H + i]);
    if (!s.extra) return;
    if (!s.diagonal) {
      Rows{s.extra + gate * H * H, H}.add_transposed(da, dc);
      add_outer(b.dextra ? b.dextra + gate * H * H : nullptr, da, c, H, H);
      return;
    }
    for (Dim i = 0; i < H; ++i) {
      dc[i] += s.extra[gate * H + i] * da[i];
      if (b.dextra) b.dextra[gate * H + i] += da[i] * c[i];
    }
  }
  void backward(const Step& s, const Back& b) const {
    const double* g = s.gates;
    for (Dim i = 0; i < H; ++i) {
      const double result = value(op.hidden, s.c1[i]);
      b.da[3 * H + i] = b.dh[i] * result;
      b.dc[i] += b.dh[i] * g[3 * H + i] *
                 slope(op.hidden, neuron::saves_result(op.hidden) ? result : s.c1[i]);
    }
    deactivate(s, b, output, s.c1, b.dc);
    std::vector<double> dc(H);
    for (Dim i = 0; i < H; ++i) {
      b.da[i] = b.dc[i] * g[2 * H + i];
      b.da[H + i] = b.dc[i] * s.c[i];
      b.da[2 * H + i] = b.dc[i] * g[i];
      dc[i] = b.dc[i] * g[H + i];
    }
    for (int gate : {input, forget, cell}) deactivate(s, b, gate, s.c, dc.data());
    std::ranges::copy(dc, b.dc);
    std::fill_n(b.dh, H, 0.0);
    for (int gate : {input, forget, cell, output})
      Rows{s.U + gate * H * H, H}.add_transposed(b.da + gate * H, b.dh);
    add_outer(b.dU, b.da, s.h, 4 * H, H);
  }
};

/// Gru and Mgu: gate 0 is z, the last but one is r, and the last one is n.
template <class Op>
struct GruCell {
  Op op;
  Dim H;
  static constexpr int r = std::is_same_v<Op, Gru> ? 1 : 0, n = r + 1;

  const Neuron& neuron(int gate) const {
    if constexpr (r == 1)
      if (gate == r) return op.reset_gate;
    return gate == 0 ? op.update_gate : op.candidate;
  }
  bool after() const {
    if constexpr (r == 1) return op.reset_after;
    return false;
  }
  recurrent::Complement<double> complement() const { return {op.power}; }

  void forward(const Step& s) const {
    double *g = s.gates, *a = g + n * H;
    for (int gate = 0; gate < n; ++gate) {
      Rows{s.U + gate * H * H, H}.add(s.h, g + gate * H);
      for (Dim i = gate * H; i < (gate + 1) * H; ++i) g[i] = value(neuron(gate), g[i]);
    }
    std::vector<double> v(H), q(H);
    for (Dim i = 0; i < H; ++i) v[i] = after() ? s.h[i] : g[r * H + i] * s.h[i];
    if (after() && s.extra) std::copy_n(s.extra, H, q.data());
    Rows{s.U + n * H * H, H}.add(v.data(), q.data());
    for (Dim i = 0; i < H; ++i) {
      if (after()) g[3 * H + i] = q[i];
      a[i] = value(neuron(n), a[i] + (after() ? g[r * H + i] * q[i] : q[i]));
      const double u = complement().value(g[i]);
      s.h1[i] = op.flip ? u * s.h[i] + g[i] * a[i] : u * a[i] + g[i] * s.h[i];
    }
  }

  void backward(const Step& s, const Back& b) const {
    const double* g = s.gates;
    std::vector<double> dz(H), dr(H), dq(H), dv(H), v(H), dh(H);
    for (Dim i = 0; i < H; ++i) {
      const double z = g[i], a = g[n * H + i], u = complement().value(z);
      const double du = complement().slope(z);
      dz[i] = b.dh[i] * (op.flip ? du * s.h[i] + a : du * a + s.h[i]);
      dh[i] = b.dh[i] * (op.flip ? u : z);
      b.da[n * H + i] = b.dh[i] * (op.flip ? z : u) * slope(neuron(n), a);
      dq[i] = after() ? b.da[n * H + i] * g[r * H + i] : b.da[n * H + i];
      v[i] = after() ? s.h[i] : g[r * H + i] * s.h[i];
    }
    Rows{s.U + n * H * H, H}.add_transposed(dq.data(), dv.data());
    add_outer(b.dU ? b.dU + n * H * H : nullptr, dq.data(), v.data(), H, H);
    for (Dim i = 0; i < H; ++i) {
      dr[i] = after() ? b.da[n * H + i] * g[3 * H + i] : dv[i] * s.h[i];
      dh[i] += after() ? dv[i] : dv[i] * g[r * H + i];
      if (b.dextra) b.dextra[i] += dq[i];
      if (r == 0) dz[i] += dr[i];
    }
    for (Dim i = 0; i < H; ++i) {
      b.da[i] = dz[i] * slope(neuron(0), g[i]);
      if (r == 1) b.da[H + i] = dr[i] * slope(neuron(r), g[H + i]);
    }
    for (int gate = 0; gate < n; ++gate)
      Rows{s.U + gate * H * H, H}.add_transposed(b.da + gate * H, dh.data());
    add_outer(b.dU, b.da, s.h, n * H, H);
    std::ranges::copy(dh, b.dh);
  }
};

}  // namespace mpsnn::reference
