#include <optional>

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/column_sum.hpp"
#include "backend/cpu/few_rows.hpp"
#include "backend/cpu/inner_product.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/recurrent.hpp"

/// An Lstm whose x, y and products are bfloat16. What is added up from step to step, the gates and
/// the cells are float32.
namespace mpsnn::cpu {
namespace {

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

/// Rounds what comes in.
struct RoundedProduct final : StepProduct {
  const Launch& l;
  PackedProduct& product;
  const Slab& slab;
  BFloat16* rounded;
  Dim width;

  RoundedProduct(const Launch& l, PackedProduct& product, const Slab& slab, BFloat16* rounded,
                 Dim width)
      : l(l), product(product), slab(slab), rounded(rounded), width(width) {}
  void run(Dim rows, const float* from, float* to) override {
    convert(from, rounded, rows * width);
    product.run(l, rounded, to, slab.index);
  }
};

/// The same for few rows.
struct FewRowsProduct final : StepProduct {
  const FewRows& product;
  BFloat16* rounded;
  float* wide;
  Dim width;

  FewRowsProduct(const FewRows& product, BFloat16* rounded, float* wide, Dim width)
      : product(product), rounded(rounded), wide(wide), width(width) {}
  void run(Dim rows, const float* from, float* to) override {
    convert(from, rounded, rows * width);
    product.run(rounded, rows, wide, to);
  }
};

// in: x, weight, recurrent_weight, bias.  out: y, h, -, gates, cells
class ReducedForward {
 public:
  explicit ReducedForward(KernelContext& k)
      : g_(k.node.op, k.in(0), k.in(1)),
        cell_{k.op<Lstm>(), g_.H},
        rows_(k.batch),
        own_gates_(!k.has_out(3)),
        input_(k, k.node.inputs[1], {k.batch * g_.T, g_.I, 4 * g_.H, narrow}, true, DType::float32),
        gates_(k, own_gates_ ? k.batch * g_.T * 4 * g_.H : 0),
        h_(k, rows_.all() * g_.H),
        c_(k, rows_.all() * g_.H),
        tmp_(k, rows_.all() * g_.H),
        sum_(k, rows_.all() * 4 * g_.H),
        rounded_(k, rows_.all() * g_.H) {
    const ValueId weight = k.node.inputs[2];
    if (FewRows::suits(rows_.most, 4 * g_.H)) {
      few_.emplace(k, weight, 4 * g_.H, g_.H);
      wide_ = Scratch(k, rows_.all() * few_->stride() * sizeof(float));
    } else {
      step_.emplace(k, weight, InnerSizes{rows_.most, g_.H, 4 * g_.H, narrow}, true, DType::float32,
                    rows_.slabs);
    }
  }

  void operator()(const Launch& l) {
    slabs_.arrange(nullptr, rows_.images, g_.T, "lstm");
    float* gates = own_gates_ ? gates_.at(l) : l.out<float>(3);
    input_.prepare(l, l.inputs[1]);
    input_.run(l, l.inputs[0], gates);
    if (few_) few_->prepare(l, l.inputs[2]);
    if (step_) step_->prepare(l, l.inputs[2]);
    slabs_.each([&](Slab& slab) {
      const Dim first = rows_.first(slab);
      BFloat16* rounded = rounded_.at(l) + first * g_.H;
      if (few_) {
        FewRowsProduct product(*few_, rounded, wide_.at<float>(l) + first * few_->stride(), g_.H);
        run(l, slab, gates, product);
      } else {
        RoundedProduct product(l, *step_, slab, rounded, g_.H);
        run(l, slab, gates, product);
      }
    });
  }

 private:
  void run(const Launch& l, Slab& slab, float* gates, StepProduct& product) {
    const Dim H = g_.H, count = slab.count(), first = rows_.first(slab);
    float *h = h_.at(l) + first * H, *c = c_.at(l) + first * H;
    auto *y = wanted<BFloat16>(l, 0), *last = wanted<BFloat16>(l, 1);
    float* cells = wanted<float>(l, 4);
    std::fill_n(c, count * H, 0.0f);
    const Weights w{.bias = l.in<float>(3), .product = &product};
    for (Dim i = 0; i < g_.T; ++i) {
      for (Dim j = 0; j < count; ++j) slab.at[j] = slab.images[j] * g_.T + g_.step(i, g_.T);
      cell_.forward(w, {count, i == 0, slab.at.data(), gates, 4 * H, h, c,
                        sum_.at(l) + first * 4 * H, tmp_.at(l) + first * H});
      for (Dim j = 0; j < count; ++j) {
        if (y) convert(h + j * H, y + slab.at[j] * H, H);
        if (cells) std::copy_n(c + j * H, H, cells + slab.at[j] * H);
      }
    }
    for (Dim j = 0; last && j < count; ++j) convert(h + j * H, last + slab.images[j] * H, H);
  }

  Layout g_;
  LstmCell cell_;
  Rows rows_;
  bool own_gates_;
  PackedProduct input_;
  std::optional<PackedProduct> step_;  ///< Or:
  std::optional<FewRows> few_;
  Scratch wide_;
  Buffer<float> gates_, h_, c_, tmp_, sum_;
  Buffer<BFloat16> rounded_;
  Slabs slabs_;
};

// in: dy, x, weight, recurrent_weight, bias, -, -, -, -, y, gates, cells, dh.
// out: dx, dweight, drecurrent_weight, dbias
class ReducedGradient {
 public:
  explicit ReducedGradient(KernelContext& k)
      : g_(k.node.op, k.in(1), k.in(2)),
        cell_{k.op<Lstm>(), g_.H},
        rows_(k.batch),
        step_(k, k.node.inputs[3], {rows_.most, g_.H, 4 * g_.H, narrow}, false, DType::float32,
              rows_.slabs),
        dh_(k, rows_.all() * g_.H),
        dc_(k, rows_.all() * g_.H),
        tmp_(k, rows_.all() * 2 * g_.H),
        da_(k, rows_.all() * 4 * g_.H),
        rounded_(k, rows_.all() * 4 * g_.H),
        all_da_(k, k.batch * g_.T * 4 * g_.H),
        before_(k, k.has_out(2) ? k.batch * g_.T * g_.H : 0) {
    const Dim all = k.batch * g_.T, H = g_.H;
    if (k.has_out(0))
      dx_.emplace(k, k.node.inputs[2], InnerSizes{all, g_.I, 4 * H, narrow}, false, narrow);
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
    RoundedProduct product{l, step_, slab, rounded_.at(l) + first * 4 * H, 4 * H};
    const Weights w{.product = &product};
    const Backward step{.rows = slab.count(),
                        .at = slab.at.data(),
                        .before = slab.before.data(),
                        .gates = l.in<float>(10),
                        .y = nullptr,
                        .cells = l.in<float>(11),
                        .initial_c = nullptr,
                        .images = slab.images.data(),
                        .gates_stride = 4 * H,
                        .h = nullptr,
                        .dh = dh_.at(l) + first * H,
                        .dc = dc_.at(l) + first * H,
                        .da = da_.at(l) + first * 4 * H,
                        .operand = nullptr,
                        .dextra = nullptr,
                        .tmp = tmp_.at(l) + first * 2 * H};
    for (Dim i = g_.T; i-- > 0;) {
      for (Dim j = 0; j < slab.count(); ++j) {
        slab.at[j] = slab.images[j] * g_.T + g_.step(i, g_.T);
        slab.before[j] = i ? slab.images[j] * g_.T + g_.step(i - 1, g_.T) : -1;
      }
      add_dy(l, slab, step);
      Backward now = step;
      now.through = i > 0;
      cell_.backward(w, now);
      keep(l, slab, step.da);
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

  void add_dy(const Launch& l, const Slab& slab, const Backward& step) const {
    const auto* dy = l.in<BFloat16>(0);
    for (Dim j = 0; dy && j < slab.count(); ++j) {
      convert(dy + slab.at[j] * g_.H, step.tmp, g_.H);
      rows::add(step.dh + j * g_.H, step.tmp, nullptr, g_.H);
    }
  }

  /// What the products over all steps read of this one.
  void keep(const Launch& l, const Slab& slab, const float* da) const {
    const Dim H = g_.H;
    const auto* y = l.in<BFloat16>(9);
    BFloat16* before = before_.at(l);
    for (Dim j = 0; j < slab.count(); ++j) {
      convert(da + j * 4 * H, all_da_.at(l) + slab.at[j] * 4 * H, 4 * H);
      if (!drecurrent_) continue;
      if (slab.before[j] >= 0)
        std::copy_n(y + slab.before[j] * H, H, before + slab.at[j] * H);
      else
        std::fill_n(before + slab.at[j] * H, H, BFloat16());
    }
  }

  Layout g_;
  LstmCell cell_;
  Rows rows_;
  PackedProduct step_;
  Buffer<float> dh_, dc_, tmp_, da_;
  Buffer<BFloat16> rounded_, all_da_, before_;
  std::optional<PackedProduct> dx_;
  std::optional<WeightProduct> dweight_, drecurrent_;
  Slabs slabs_;
};

}  // namespace

bool is_reduced_lstm(const Node& node) {
  const std::size_t inputs = node.gradient_of ? 1 : 0;
  for (std::size_t i = inputs + 4; i < inputs + 8; ++i)
    if (node.inputs[i]) return false;  // peephole, initial_h, initial_c, lengths
  return node.gradient_of ? node.inputs.size() <= 13 || !node.inputs[13] : !node.outputs[2];
}

Kernel reduced_lstm(KernelContext& k) { return ReducedForward(k); }

Kernel reduced_lstm_gradient(KernelContext& k) { return ReducedGradient(k); }

}  // namespace mpsnn::cpu
