#include "backend/reference/recurrent_cells.hpp"

namespace mpsnn::reference {
namespace {

using recurrent::Layout;
using recurrent::length_of;

/// `size` values, or zeros where there are none.
std::vector<double> values_or_zeros(const double* from, Dim at, Dim size) {
  std::vector<double> out(size);
  if (from) std::copy_n(from + at * size, size, out.data());
  return out;
}

void put(double* to, Dim at, const std::vector<double>& from) {
  if (to) std::ranges::copy(from, to + at * static_cast<Dim>(from.size()));
}

/// Zeros in the steps behind the end of a sequence.
void clear_end(double* out, Dim image, Dim length, Dim T, Dim width) {
  if (out) std::fill_n(out + (image * T + length) * width, (T - length) * width, 0.0);
}

bool is_diagonal(const KernelContext& k, int peephole) {
  return k.has_in(peephole) && k.in(peephole).rank() == 1;
}

// in: x, weight, recurrent_weight, bias, ...  out: y, h, c of an Lstm, gates, cells of an Lstm
template <class Cell, class Op>
Kernel forward(KernelContext& k) {
  const Layout g(k.node.op, k.in(0), k.in(1));
  const bool has_cells = g.initial_c >= 0, diagonal = g.extra >= 0 && is_diagonal(k, g.extra);
  return [g, has_cells, diagonal, cell = Cell{k.op<Op>(), g.H}, N = Dim{k.batch}](const Launch& l) {
    const auto input = [&](int i) { return i < 0 ? nullptr : l.in<double>(i); };
    const double *weight = input(1), *bias = input(g.bias);
    double *y = wanted(l, 0), *gates = wanted(l, has_cells ? 3 : 2);
    double* cells = has_cells ? wanted(l, 4) : nullptr;
    for (Dim n = 0; n < N; ++n) {
      const Dim length = length_of(input(g.lengths), n, g.T, mpsnn::name(mpsnn::Op(cell.op)));
      std::vector<double> h = values_or_zeros(input(g.initial_h), n, g.H), h1(g.H), c1(g.H);
      std::vector<double> c = values_or_zeros(input(g.initial_c), n, g.H);
      std::vector<double> saved(g.saved * g.H);
      for (Dim i = 0; i < length; ++i) {
        const Dim at = n * g.T + g.step(i, length);
        for (Dim row = 0; row < g.gates * g.H; ++row) {
          saved[row] = bias ? bias[row] : 0;
          for (Dim j = 0; j < g.I; ++j)
            saved[row] += weight[row * g.I + j] * input(0)[at * g.I + j];
        }
        cell.forward({input(2), input(g.extra), diagonal, h.data(), c.data(), saved.data(),
                      h1.data(), c1.data()});
        put(y, at, h1);
        put(gates, at, saved);
        put(cells, at, c1);
        std::swap(h, h1);
        std::swap(c, c1);
      }
      clear_end(y, n, length, g.T, g.H);
      clear_end(gates, n, length, g.T, g.saved * g.H);
      clear_end(cells, n, length, g.T, g.H);
      put(wanted(l, 1), n, h);
      if (has_cells) put(wanted(l, 2), n, c);
    }
  };
}

// in: dy, the inputs of the forward node, y, gates, cells, dh, dc.  out: by input, but the lengths
template <class Cell, class Op>
Kernel gradient(KernelContext& k) {
  const Layout g(k.node.op, k.in(1), k.in(2));
  const bool has_cells = g.initial_c >= 0, diagonal = g.extra >= 0 && is_diagonal(k, 1 + g.extra);
  std::vector<Dim> sizes;
  for (int i = 0; i < g.lengths; ++i) sizes.push_back(k.has_out(i) ? k.out_elements(i) : 0);
  return [g, has_cells, diagonal, sizes, cell = Cell{k.op<Op>(), g.H},
          N = Dim{k.batch}](const Launch& l) {
    const auto input = [&](int i) { return i < 0 ? nullptr : l.in<double>(1 + i); };
    const auto out = [&](int i) { return i < 0 ? nullptr : wanted(l, i); };
    const int y_at = g.inputs, dh_at = y_at + g.outputs;
    const double *dy = l.in<double>(0), *y = input(y_at), *weight = input(1);
    const double* cells = has_cells ? input(y_at + 2) : nullptr;
    for (int i = 0; i < g.lengths; ++i) clear(out(i), sizes[i]);
    for (Dim n = 0; n < N; ++n) {
      const Dim length = length_of(input(g.lengths), n, g.T, mpsnn::name(mpsnn::Op(cell.op)));
      std::vector<double> dh = values_or_zeros(input(dh_at), n, g.H), da(g.gates * g.H);
      std::vector<double> dc = values_or_zeros(has_cells ? input(dh_at + 1) : nullptr, n, g.H);
      for (Dim i = length; i-- > 0;) {
        const Dim at = n * g.T + g.step(i, length), before = n * g.T + g.step(i - 1, length);
        const auto h =
            i ? values_or_zeros(y, before, g.H) : values_or_zeros(input(g.initial_h), n, g.H);
        const auto c =
            i ? values_or_zeros(cells, before, g.H) : values_or_zeros(input(g.initial_c), n, g.H);
        auto h1 = values_or_zeros(y, at, g.H), c1 = values_or_zeros(cells, at, g.H);
        auto saved = values_or_zeros(g.outputs > 1 ? input(y_at + 1) : nullptr, at, g.saved * g.H);
        for (Dim j = 0; dy && j < g.H; ++j) dh[j] += dy[at * g.H + j];
        cell.backward({input(2), input(g.extra), diagonal, h.data(), c.data(), saved.data(),
                       h1.data(), c1.data()},
                      {dh.data(), dc.data(), da.data(), out(2), out(g.extra)});
        const double* x = input(0) + at * g.I;
        add_outer(out(1), da.data(), x, g.gates * g.H, g.I);
        for (Dim row = 0; row < g.gates * g.H; ++row) {
          if (out(g.bias)) out(g.bias)[row] += da[row];
          for (Dim j = 0; out(0) && j < g.I; ++j)
            out(0)[at * g.I + j] += weight[row * g.I + j] * da[row];
        }
      }
      put(out(g.initial_h), n, dh);
      if (has_cells) put(out(g.initial_c), n, dc);
    }
  };
}

template <class Cell, class Op>
KernelPair kernels() {
  return {forward<Cell, Op>, gradient<Cell, Op>};
}

}  // namespace

KernelPair rnn_kernels() { return kernels<RnnCell, Rnn>(); }
KernelPair lstm_kernels() { return kernels<LstmCell, Lstm>(); }
KernelPair gru_kernels() { return kernels<GruCell<Gru>, Gru>(); }
KernelPair mgu_kernels() { return kernels<GruCell<Mgu>, Mgu>(); }

}  // namespace mpsnn::reference
