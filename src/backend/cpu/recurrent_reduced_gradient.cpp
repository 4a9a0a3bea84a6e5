#include <optional>

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/column_sum.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/recurrent_reduced.hpp"

namespace mpsnn::cpu {
namespace {

using namespace reduced;

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

Kernel reduced_lstm_gradient(KernelContext& k) { return ReducedGradient(k); }

}  // namespace mpsnn::cpu
