#include <omp.h>

#include "backend/cpu/cpu_session.hpp"
#include "backend/cpu/dots.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/recurrent.hpp"

namespace mpsnn::cpu {
namespace {

/// Cells of an Lstm, for one thread.
struct Cells {
  Dim begin, count;

  /// In whole vectors, as far as there are.
  static Cells of_thread(Dim all) {
    constexpr Dim width = lanes;
    const Share share((all + width - 1) / width);
    return {share.begin * width, std::min(share.end * width, all) - share.begin * width};
  }
};

/// An Lstm of so few images that reading the recurrent weight is what takes the time of a step.
/// Each thread computes all gates of its own cells, so that it reads the same rows of the weight at
/// every step, and waits for the others once a step.
class FewImages {
 public:
  explicit FewImages(KernelContext& k)
      : g_(k.node.op, k.in(0), k.in(1)),
        N_(k.batch),
        gates_(k, k.has_out(3) ? 0 : N_ * g_.T * 4 * g_.H * sizeof(float)),
        sum_(k, N_ * 4 * g_.H * sizeof(float)),
        c_(k, N_ * g_.H * sizeof(float)) {
    report(k, "gemm + mpsnn:dots");
  }

  // in: x, weight, recurrent_weight, bias, initial_h, initial_c.  out: y, h, c, gates, cells
  void operator()(const Launch& l) const {
    const auto* x = l.in<float>(0);
    auto* kept = wanted<float>(l, 3);
    auto* gates = kept ? kept : gates_.at<float>(l);
    gemm(N_ * g_.T, 4 * g_.H, g_.I, {x, g_.I}, {l.in<float>(1), g_.I, true}, 0, gates, 4 * g_.H);
#pragma omp parallel
    {
      const Cells cells = Cells::of_thread(g_.H);
      begin(l, cells);
      for (Dim i = 0; i < g_.T; ++i) {
        if (cells.count > 0) step(l, cells, i, gates);
#pragma omp barrier
      }
    }
  }

 private:
  void begin(const Launch& l, const Cells& cells) const {
    const auto* initial = l.in<float>(g_.initial_c);
    for (Dim n = 0; n < N_; ++n) {
      float* c = c_.at<float>(l) + n * g_.H + cells.begin;
      copy_row(initial ? initial + n * g_.H + cells.begin : nullptr, 0, cells.count, c);
    }
  }

  /// The i-th one. A state is read where it was written, in y.
  void step(const Launch& l, const Cells& cells, Dim i, float* gates) const {
    const Dim H = g_.H, first = cells.begin;
    auto *y = l.out<float>(0), *sum = sum_.at<float>(l);
    const Dim t = g_.step(i, g_.T);
    const float* h = i == 0 ? l.in<float>(g_.initial_h) : y + g_.step(i - 1, g_.T) * H;
    if (h) {
      const Dots product{l.in<float>(2), H, H, h, N_, i == 0 ? H : g_.T * H, sum, 4 * H};
      product.run(first, first + cells.count, 1);
    }
    for (Dim n = 0; n < N_; ++n) {
      float *a = gates + (n * g_.T + t) * 4 * H + first, *c = c_.at<float>(l) + n * H + first;
      float* h_now = y + (n * g_.T + t) * H + first;
      rows::lstm(
          rows::LstmStep<float>{a, h ? sum + n * 4 * H + first : nullptr, l.in<float>(3) + first, c,
                                h_now, wanted<float>(l, 3) ? a : nullptr},
          H, cells.count);
      const auto hand_out = [&](int output, Dim row, const float* from) {
        if (auto* to = wanted<float>(l, output))
          std::copy_n(from, cells.count, to + row * H + first);
      };
      hand_out(4, n * g_.T + t, c);
      if (i + 1 < g_.T) continue;
      hand_out(1, n, h_now);
      hand_out(2, n, c);
    }
  }

  Layout g_;
  Dim N_;
  Scratch gates_;  ///< Where they are not kept.
  Scratch sum_, c_;
};

}  // namespace

bool is_lstm_of_few(const KernelContext& k) {
  const Layout g(k.node.op, k.in(0), k.in(1));
  return k.batch <= Dots::most_rows && g.H >= Dots::least_in &&
         rows::has_usual_neurons(k.op<Lstm>()) && k.has_in(g.bias) && !k.has_in(g.extra) &&
         !k.has_in(g.lengths);
}

Kernel lstm_of_few(KernelContext& k) { return FewImages(k); }

}  // namespace mpsnn::cpu
