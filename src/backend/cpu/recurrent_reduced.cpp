#include "backend/cpu/recurrent_reduced.hpp"

#include <omp.h>

#include <optional>

#include "backend/cpu/few_rows.hpp"
#include "backend/cpu/kernels.hpp"

namespace mpsnn::cpu {
namespace {

using namespace reduced;

/// A bias, or zeros.
class Bias {
 public:
  Bias(KernelContext& k, int input, Dim n) : n_(n), zeros_(k, k.has_in(input) ? 0 : n) {}
  const float* get(const Launch& l, int input) const {
    if (const float* bias = l.in<float>(input)) return bias;
    std::fill_n(zeros_.at(l), n_, 0.0f);
    return zeros_.at(l);
  }

 private:
  Dim n_;
  Buffer<float> zeros_;
};

// in: x, weight, recurrent_weight, bias.  out: y, h, -, gates, cells
class ReducedForward {
 public:
  explicit ReducedForward(KernelContext& k)
      : g_(k.node.op, k.in(0), k.in(1)),
        rows_(k.batch),
        steps_(std::clamp(rows_at_once / rows_.most, Dim{1}, g_.T)),
        together_(rows_.slabs == 1 && FewRows::suits(rows_.most, 4 * g_.H)),
        copies_(together_ ? omp_get_max_threads() : 1),
        bias_(k, 3, 4 * g_.H),
        input_(k, k.node.inputs[1], {steps_ * rows_.most, g_.I, 4 * g_.H, narrow}, Kind::forward,
               DType::float32, rows_.slabs),
        x_(k, steps_ * rows_.all() * g_.I),
        h_(k, copies_ * rows_.all() * g_.H),
        wx_(k, steps_ * rows_.all() * 4 * g_.H),
        sum_(k, (together_ ? 2 : 1) * rows_.all() * 4 * g_.H),
        c_(k, copies_ * rows_.all() * g_.H) {
    const ValueId weight = k.node.inputs[2];
    if (FewRows::suits(rows_.most, 4 * g_.H)) {
      few_.emplace(k, weight, 4 * g_.H, g_.H);
      whole_ = Scratch(k, copies_ * rows_.all() * few_->stride() * sizeof(BFloat16));
    } else {
      step_.emplace(k, weight, InnerSizes{rows_.most, g_.H, 4 * g_.H, narrow}, Kind::forward,
                    DType::float32, rows_.slabs);
    }
  }

  void operator()(const Launch& l) {
    slabs_.arrange(nullptr, rows_.images, g_.T, "lstm");
    input_.prepare(l, l.inputs[1]);
    if (few_) few_->prepare(l, l.inputs[2]);
    if (step_) step_->prepare(l, l.inputs[2]);
    const float* bias = bias_.get(l, 3);
    if (together_)
      run_together(l, *slabs_.begin(), bias);
    else
      slabs_.each([&](Slab& slab) { run(l, slab, bias); });
  }

 private:
  /// Of the product with x: enough to be fast, and so few that the result stays in a cache.
  static constexpr Dim rows_at_once = 80;

  /// The state of some images, that their steps carry on.
  struct Steps {
    const Slab& slab;
    const float* bias;
    BFloat16* h;
    float* c;
    bool writes;  ///< Whether results are written: of several copies of a state, from one.
  };

  void run(const Launch& l, const Slab& slab, const float* bias) {
    const Dim first = rows_.first(slab);
    const Steps steps{slab, bias, h_.at(l) + first * g_.H, c_.at(l) + first * g_.H, true};
    float* sum = sum_.at(l) + first * 4 * g_.H;
    for (Dim i = 0; i < g_.T; ++i) {
      const float* wx = multiply_x(l, slab, i);
      if (i > 0) multiply_h(l, slab, steps.h, sum);
      step(l, steps, i, wx, sum);
    }
    write_last(l, steps);
  }

  /// Fewer images than threads: these share the product of each step. What follows from it takes
  /// less time than handing it on, so that each thread does it for itself.
  void run_together(const Launch& l, const Slab& slab, const float* bias) {
    const Dim H = g_.H, all = rows_.all();
    for (Dim first = 0; first < g_.T; first += steps_) {
      multiply_x(l, slab, first);
#pragma omp parallel
      {
        const Dim me = omp_get_thread_num();
        const Steps steps{slab, bias, h_.at(l) + me * all * H, c_.at(l) + me * all * H, me == 0};
        for (Dim i = first; i < std::min(first + steps_, g_.T); ++i) {
          // The next sums go elsewhere: another thread may not have read these.
          float* sum = sum_.at(l) + i % 2 * all * 4 * H;
          if (i > 0) {
            few_->run_share(steps.h, slab.count(),
                            whole_.at<BFloat16>(l) + me * all * few_->stride(), sum);
#pragma omp barrier
          }
          step(l, steps, i, wx_.at(l) + (i - first) * rows_.most * 4 * H, sum);
        }
      }
    }
    write_last(l, {slab, bias, h_.at(l), c_.at(l), true});
  }

  /// What follows from the products of the i-th step.
  void step(const Launch& l, const Steps& steps, Dim i, const float* wx, const float* sum) const {
    const Dim H = g_.H;
    if (i == 0) std::fill_n(steps.c, steps.slab.count() * H, 0.0f);
    auto* y = wanted<BFloat16>(l, 0);
    auto *gates = wanted<float>(l, 3), *cells = wanted<float>(l, 4);
    for (Dim j = 0; j < steps.slab.count(); ++j) {
      const Dim at = row_of(steps.slab, i, j);
      float* c = steps.c + j * H;
      BFloat16* h = steps.h + j * H;
      rows::lstm(
          rows::LstmStep<BFloat16>{wx + j * 4 * H, i > 0 ? sum + j * 4 * H : nullptr, steps.bias, c,
                                   h, steps.writes && gates ? gates + at * 4 * H : nullptr},
          H);
      if (steps.writes && y) std::copy_n(h, H, y + at * H);
      if (steps.writes && cells) std::copy_n(c, H, cells + at * H);
    }
  }
  void write_last(const Launch& l, const Steps& steps) const {
    auto* last = wanted<BFloat16>(l, 1);
    for (Dim j = 0; last && j < steps.slab.count(); ++j)
      std::copy_n(steps.h + j * g_.H, g_.H, last + steps.slab.images[j] * g_.H);
  }

  Dim row_of(const Slab& slab, Dim i, Dim j) const {
    return slab.images[j] * g_.T + g_.step(i, g_.T);
  }

  /// W x of the i-th step, with those of some steps after it.
  const float* multiply_x(const Launch& l, const Slab& slab, Dim i) {
    const Dim first = steps_ * rows_.first(slab), now = i % steps_;
    float* wx = wx_.at(l) + first * 4 * g_.H;
    if (now == 0) {
      BFloat16* x = x_.at(l) + first * g_.I;
      for (Dim s = 0; s < std::min(steps_, g_.T - i); ++s)
        for (Dim j = 0; j < slab.count(); ++j)
          std::copy_n(l.in<BFloat16>(0) + row_of(slab, i + s, j) * g_.I, g_.I,
                      x + (s * rows_.most + j) * g_.I);
      input_.run(l, x, wx, slab.index);
    }
    return wx + now * rows_.most * 4 * g_.H;
  }
  void multiply_h(const Launch& l, const Slab& slab, const BFloat16* h, float* to) {
    if (few_)
      few_->run_alone(h, slab.count(), whole_.at<BFloat16>(l) + rows_.first(slab) * few_->stride(),
                      to);
    else
      step_->run(l, h, to, slab.index);
  }

  Layout g_;
  Rows rows_;
  Dim steps_;      ///< See multiply_x.
  bool together_;  ///< See run_together.
  Dim copies_;     ///< Of the state.
  Bias bias_;
  PackedProduct input_;
  std::optional<PackedProduct> step_;  ///< Or:
  std::optional<FewRows> few_;
  Buffer<BFloat16> x_, h_;
  Buffer<float> wx_, sum_, c_;
  Scratch whole_;
  Slabs slabs_;
};

}  // namespace

bool is_reduced_lstm(const Node& node) {
  if (!rows::has_usual_neurons(std::get<Lstm>(node.op))) return false;
  const std::size_t inputs = node.gradient_of ? 1 : 0;
  for (std::size_t i = inputs + 4; i < inputs + 8; ++i)
    if (node.inputs[i]) return false;  // peephole, initial_h, initial_c, lengths
  return node.gradient_of ? node.inputs.size() <= 13 || !node.inputs[13] : !node.outputs[2];
}

Kernel reduced_lstm(KernelContext& k) { return ReducedForward(k); }

}  // namespace mpsnn::cpu
