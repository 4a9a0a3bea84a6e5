#include <optional>

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/column_sum.hpp"
#include "backend/cpu/few_rows.hpp"
#include "backend/cpu/inner_product.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/lstm_rows.hpp"
#include "backend/cpu/recurrent.hpp"

/// An Lstm whose x, y and products are bfloat16. What is added up from step to step, the gates and
/// the cells are float32.
namespace mpsnn::cpu {
namespace {

using Kind = PackedProduct::Kind;

constexpr DType narrow = DType::bfloat16;

/// Rows of a batch of which every slab has as many, whether it uses them or not: for products that
/// are made for one number of rows.
struct Rows {
  Dim images, slabs, most;

  explicit Rows(Dim batch)
      : images(batch), slabs(slabs_for(batch)), most((batch + slabs - 1) / slabs) {}
  Dim all() const { return slabs * most; }
  Dim first(const Slab& slab) const { return slab.index * most; }
};

/// Scratch for `n` numbers.
template <class T>
class Buffer {
 public:
  Buffer(KernelContext& k, Dim n) : scratch_(k, n * sizeof(T)) {}
  T* at(const Launch& l) const { return scratch_.at<T>(l); }

 private:
  Scratch scratch_;
};

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
        bias_(k, 3, 4 * g_.H),
        input_(k, k.node.inputs[1], {steps_ * rows_.most, g_.I, 4 * g_.H, narrow}, Kind::forward,
               DType::float32, rows_.slabs),
        x_(k, steps_ * rows_.all() * g_.I),
        h_(k, rows_.all() * g_.H),
        wx_(k, steps_ * rows_.all() * 4 * g_.H),
        sum_(k, rows_.all() * 4 * g_.H),
        c_(k, rows_.all() * g_.H) {
    const ValueId weight = k.node.inputs[2];
    if (FewRows::suits(rows_.most, 4 * g_.H)) {
      few_.emplace(k, weight, 4 * g_.H, g_.H);
      wide_ = Scratch(k, rows_.all() * few_->stride() * sizeof(float));
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
    slabs_.each([&](Slab& slab) { run(l, slab, bias); });
  }

 private:
  /// Of the product with x: enough to be fast, and so few that the result stays in a cache.
  static constexpr Dim rows_at_once = 80;

  void run(const Launch& l, const Slab& slab, const float* bias) {
    const Dim H = g_.H, count = slab.count(), first = rows_.first(slab);
    float *c = c_.at(l) + first * H, *sum = sum_.at(l) + first * 4 * H;
    BFloat16* h = h_.at(l) + first * H;
    auto *y = wanted<BFloat16>(l, 0), *last = wanted<BFloat16>(l, 1);
    auto *gates = wanted<float>(l, 3), *cells = wanted<float>(l, 4);
    std::fill_n(c, count * H, 0.0f);
    for (Dim i = 0; i < g_.T; ++i) {
      const float* wx = multiply_x(l, slab, i);
      if (i > 0) multiply_h(l, slab, h, sum);
      for (Dim j = 0; j < count; ++j) {
        const Dim at = row_of(slab, i, j);
        rows::lstm(
            rows::LstmStep<BFloat16>{wx + j * 4 * H, i > 0 ? sum + j * 4 * H : nullptr, bias,
                                     c + j * H, h + j * H, gates ? gates + at * 4 * H : nullptr},
            H);
        if (y) std::copy_n(h + j * H, H, y + at * H);
        if (cells) std::copy_n(c + j * H, H, cells + at * H);
      }
    }
    for (Dim j = 0; last && j < count; ++j) std::copy_n(h + j * H, H, last + slab.images[j] * H);
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
      few_->run(h, slab.count(), wide_.at<float>(l) + rows_.first(slab) * few_->stride(), to);
    else
      step_->run(l, h, to, slab.index);
  }

  Layout g_;
  Rows rows_;
  Dim steps_;  ///< See multiply_x.
  Bias bias_;
  PackedProduct input_;
  std::optional<PackedProduct> step_;  ///< Or:
  std::optional<FewRows> few_;
  Buffer<BFloat16> x_, h_;
  Buffer<float> wx_, sum_, c_;
  Scratch wide_;
  Slabs slabs_;
};

// in: dy, x, weight, recurrent_weight, bias, -, -, -, -, y, gates, cells, dh.
// out: dx, dweight, drecurrent_weight, dbias
class ReducedGradient {
 public:
  explicit ReducedGradient(KernelContext& k)
      : g_(k.node.op, k.in(1), k.in(2)),
        rows_(k.batch),
        step_(k, k.node.inputs[3], {rows_.most, g_.H, 4 * g_.H, narrow}, Kind::data_gradient,
              DType::float32, rows_.slabs),
        dh_(k, rows_.all() * g_.H),
        dc_(k, rows_.all() * g_.H),
        tmp_(k, rows_.all() * g_.H),
        da_(k, rows_.all() * 4 * g_.H),
        all_da_(k, k.batch * g_.T * 4 * g_.H),
        before_(k, k.has_out(2) ? k.batch * g_.T * g_.H : 0) {
    const Dim all = k.batch * g_.T, H = g_.H;
    if (k.has_out(0))
      dx_.emplace(k, k.node.inputs[2], InnerSizes{all, g_.I, 4 * H, narrow}, Kind::data_gradient,
                  narrow);
    if (k.has_out(1)) dweight_.emplace(k, InnerSizes{all, g_.I, 4 * H, narrow}, k.has_out(3));
    if (k.has_out(2)) drecurrent_.emplace(k, InnerSizes{all, H, 4 * H, narrow}, false);
  }

  void operator()(const Launch& l) {
    slabs_.arrange(nullptr, rows_.images, g_.T, "lstm");
    step_.prepare(l, l.inputs[3]);
    slabs_.each([&](Slab& slab) { run(l, slab); });
    const BFloat16* da = all_da_.at(l);
    if (dweight_)
      dweight_->run(l, l.inputs[1], da, l.outputs[1], wanted<float>(l, 3));
    else if (auto* dbias = wanted<float>(l, 3))
      column_sum(da, rows_.images * g_.T, 4 * g_.H, dbias);
    if (drecurrent_) drecurrent_->run(l, before_.at(l), da, l.outputs[2], nullptr);
    if (!dx_) return;
    dx_->prepare(l, l.inputs[2]);
    dx_->run(l, da, l.outputs[0]);
  }

 private:
  void run(const Launch& l, Slab& slab) {
    const Dim H = g_.H, first = rows_.first(slab);
    begin(l, slab);
    const float *gates = l.in<float>(10), *cells = l.in<float>(11);
    float *dh = dh_.at(l) + first * H, *dc = dc_.at(l) + first * H;
    BFloat16* da = da_.at(l) + first * 4 * H;
    for (Dim i = g_.T; i-- > 0;) {
      for (Dim j = 0; j < slab.count(); ++j) {
        const Dim at = slab.images[j] * g_.T + g_.step(i, g_.T);
        const Dim before = i ? slab.images[j] * g_.T + g_.step(i - 1, g_.T) : -1;
        add_dy(l, at, tmp_.at(l) + first * H, dh + j * H);
        rows::lstm_gradient(
            rows::LstmStepGradient<BFloat16>{gates + at * 4 * H, cells + at * H,
                                             i ? cells + before * H : nullptr, dh + j * H,
                                             dc + j * H, da + j * 4 * H},
            H);
        keep(l, at, before, da + j * 4 * H);
      }
      if (i) step_.run(l, da, dh, slab.index);
    }
  }

  /// The gradient of the last state, or 0.
  void begin(const Launch& l, const Slab& slab) const {
    const Dim H = g_.H, first = rows_.first(slab);
    const auto* dh_last = l.in<BFloat16>(12);
    for (Dim j = 0; j < slab.count(); ++j) {
      float* dh = dh_.at(l) + (first + j) * H;
      std::fill_n(dc_.at(l) + (first + j) * H, H, 0.0f);
      if (dh_last)
        convert(dh_last + slab.images[j] * H, dh, H);
      else
        std::fill_n(dh, H, 0.0f);
    }
  }

  void add_dy(const Launch& l, Dim at, float* tmp, float* dh) const {
    const auto* dy = l.in<BFloat16>(0);
    if (!dy) return;
    convert(dy + at * g_.H, tmp, g_.H);
    rows::add(dh, tmp, nullptr, g_.H);
  }

  /// What the products over all steps read of this one.
  void keep(const Launch& l, Dim at, Dim before, const BFloat16* da) const {
    const Dim H = g_.H;
    std::copy_n(da, 4 * H, all_da_.at(l) + at * 4 * H);
    if (!drecurrent_) return;
    if (before >= 0)
      std::copy_n(l.in<BFloat16>(9) + before * H, H, before_.at(l) + at * H);
    else
      std::fill_n(before_.at(l) + at * H, H, BFloat16());
  }

  Layout g_;
  Rows rows_;
  PackedProduct step_;
  Buffer<float> dh_, dc_, tmp_;
  Buffer<BFloat16> da_, all_da_, before_;
  std::optional<PackedProduct> dx_;
  std::optional<WeightProduct> dweight_, drecurrent_;
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

Kernel reduced_lstm_gradient(KernelContext& k) { return ReducedGradient(k); }

}  // namespace mpsnn::cpu
