#include "backend/cpu/recurrent.hpp"

#include "backend/cpu/cpu_session.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/wide.hpp"

namespace mpsnn::cpu {
namespace {

/// Memory for the states of a batch, and for one step of it.
struct Room {
  Scratch gates, h, c, sum, tmp;

  Room(KernelContext& k, const Layout& g, bool own_gates)
      : gates(k, own_gates ? floats_of(k, g.T * g.saved * g.H) : 0),
        h(k, floats_of(k, g.H)),
        c(k, floats_of(k, g.H)),
        sum(k, floats_of(k, g.gates * g.H)),
        tmp(k, floats_of(k, g.H)) {}
  static std::size_t floats_of(const KernelContext& k, Dim n) {
    return k.batch * n * sizeof(float);
  }
};

/// One node's forward pass.
template <class Cell>
class ForwardPass {
 public:
  ForwardPass(KernelContext& k, const Cell& cell, const Layout& g)
      : cell_(cell),
        g_(g),
        N_(k.batch),
        op_(name(k.node.op)),
        diagonal_(has_diagonal(k, g, 0)),
        gates_at_(g.outputs == 1     ? -1
                  : g.initial_c >= 0 ? 3
                                     : 2),
        own_gates_(gates_at_ < 0 || !k.has_out(gates_at_)),
        transposed_(k, k.node.inputs[2], floats({g.gates * g.H, g.H}, Tag::ab),
                    floats({g.gates * g.H, g.H}, {1, spread_stride(g.gates * g.H)})),
        room_(k, g, own_gates_) {}

  void operator()(const Launch& l) {
    const auto input = [&](int i) { return i < 0 ? nullptr : l.in<float>(i); };
    slabs_.arrange(input(g_.lengths), N_, g_.T, op_);
    float* gates = own_gates_ ? room_.gates.at<float>(l) : l.out<float>(gates_at_);
    const Dim width = g_.gates * g_.H, stride = g_.saved * g_.H;
    const auto* U = static_cast<const float*>(transposed_.get(l, l.inputs[2]));
    const Weights w{{U, spread_stride(width)}, input(g_.bias), input(g_.extra), diagonal_};
    slabs_.each([&](Slab& slab) { run(l, w, slab, gates); });
    clear_ends(slabs_, g_, N_, g_.H, wanted<float>(l, 0));
    if (!own_gates_) clear_ends(slabs_, g_, N_, stride, gates);
    if (has_cells()) clear_ends(slabs_, g_, N_, g_.H, wanted<float>(l, 4));
  }

 private:
  bool has_cells() const { return g_.initial_c >= 0; }

  void run(const Launch& l, const Weights& w, Slab& slab, float* gates) {
    const Dim H = g_.H, stride = g_.saved * H;
    each_run(slab, g_.T, [&](Dim n, Dim steps) {
      gemm(steps, g_.gates * H, g_.I, {l.in<float>(0) + n * g_.T * g_.I, g_.I},
           {l.in<float>(1), g_.I, true}, 0, gates + n * g_.T * stride, stride);
    });
    const float* initial_h = l.in<float>(g_.initial_h);
    const float* initial_c = has_cells() ? l.in<float>(g_.initial_c) : nullptr;
    float *h = room_.h.at<float>(l) + slab.first * H, *c = room_.c.at<float>(l) + slab.first * H;
    for (Dim j = 0; j < slab.count(); ++j) {
      copy_row(initial_h, slab.images[j], H, h + j * H);
      copy_row(initial_c, slab.images[j], H, c + j * H);
    }
    float *y = l.out<float>(0), *cells = has_cells() ? wanted<float>(l, 4) : nullptr;
    std::vector<Dim>& at = slab.at;
    for (Dim i = 0; i < slab.steps(); ++i) {
      const Dim rows = slab.active(i);
      for (Dim j = 0; j < rows; ++j) at[j] = slab.images[j] * g_.T + g_.step(i, slab.lengths[j]);
      cell_.forward(w, {rows, i == 0 && !initial_h, at.data(), gates, !own_gates_, stride, h, c,
                        room_.sum.at<float>(l) + slab.first * g_.gates * H,
                        room_.tmp.at<float>(l) + slab.first * H});
      for (Dim j = 0; j < rows; ++j) {
        std::copy_n(h + j * H, H, y + at[j] * H);
        if (cells) std::copy_n(c + j * H, H, cells + at[j] * H);
      }
    }
    for (Dim j = 0; j < slab.count(); ++j) {
      if (auto* last = wanted<float>(l, 1)) std::copy_n(h + j * H, H, last + slab.images[j] * H);
      if (auto* last = has_cells() ? wanted<float>(l, 2) : nullptr)
        std::copy_n(c + j * H, H, last + slab.images[j] * H);
    }
  }

  Cell cell_;
  Layout g_;
  Dim N_;
  std::string_view op_;
  bool diagonal_;
  int gates_at_;
  bool own_gates_;
  Weight transposed_;
  Room room_;
  Slabs slabs_;
};

// in: x, weight, recurrent_weight, bias, ...  out: y, h, c of an Lstm, gates, cells of an Lstm
template <class Cell, class Op>
Kernel forward(KernelContext& k) {
  const Layout g(k.node.op, k.in(0), k.in(1));
  report(k, "gemm + mpsnn");
  return ForwardPass<Cell>(k, {k.op<Op>(), g.H}, g);
}

Kernel lstm(KernelContext& k) {
  if (needs_float32(k)) return in_float32(k, k.node, lstm);
  if (k.in_type(0) == DType::bfloat16) return reduced_lstm(k);
  return is_lstm_of_few(k) ? lstm_of_few(k) : forward<LstmCell, Lstm>(k);
}

}  // namespace

KernelPair rnn_kernels() { return {forward<RnnCell, Rnn>, rnn_gradient}; }
KernelPair lstm_kernels() {
  return {lstm, lstm_gradient, false, [](const Node& node, DType type) {
            const bool can = type == DType::bfloat16 && is_reduced_lstm(node);
            return can ? Reduced::leads : Reduced::never;
          }};
}
KernelPair gru_kernels() { return {forward<GruCell<Gru>, Gru>, gru_gradient}; }
KernelPair mgu_kernels() { return {forward<GruCell<Mgu>, Mgu>, mgu_gradient}; }

}  // namespace mpsnn::cpu
