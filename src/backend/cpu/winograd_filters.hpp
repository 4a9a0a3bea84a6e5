#pragma once

#include <string>

#include "backend/cpu/cpu_session.hpp"
#include "backend/cpu/simd.hpp"
#include "backend/cpu/winograd_tiles.hpp"

/// The filters of a convolution, to their points.
namespace mpsnn::cpu::winograd {

/// A filter's points for lanes of side by side numbers: tap t is at from + t * stride.
template <class V, class Form>
MPSNN_SIMD void filter_to_points(const float* from, std::ptrdiff_t stride, const Points<>& to) {
  for (std::size_t c = 0; c < lanes; c += lanes_of<V>)
    winograd::both_axes<V, Form::r, Form::side>(
        [](const auto& x, auto& y) MPSNN_INLINE_LAMBDA { winograd::taps_to_points(x, y); },
        [&](int t, V& x) MPSNN_INLINE_LAMBDA { load(from + t * stride + c, x); },
        [&](int i, const V& y) MPSNN_INLINE_LAMBDA { store(y, to.data + i * to.plane + c); });
}
template <class Form>
void filter_to_points(const float* from, std::ptrdiff_t stride, const Points<>& to) {
  with_lanes([&]<class V>(std::type_identity<V>) { filter_to_points<V, Form>(from, stride, to); });
}

/// to[t][c][o] = from[o][t][c], 16 channels c and 16 filters o.
template <class V, int taps>
MPSNN_SIMD void turn(const float* from, std::size_t channels, float* to) {
  constexpr std::size_t square = lanes_of<V>;
  for (int t = 0; t < taps; ++t)
    for (std::size_t first_o = 0; first_o < lanes; first_o += square)
      for (std::size_t first_c = 0; first_c < lanes; first_c += square) {
        V rows[square];
        for (std::size_t o = 0; o < square; ++o) {
          const float* row = from + ((first_o + o) * taps + t) * channels + first_c;
          load(row, rows[o]);
          __builtin_prefetch(row + lanes);  // for the next channels: too many rows to be foreseen
        }
        transpose_lanes(rows);
        for (std::size_t c = 0; c < square; ++c)
          store(rows[c], to + (t * lanes + first_c + c) * lanes + first_o);
      }
}
template <int taps>
void turn(const float* from, std::size_t channels, float* to) {
  with_lanes([&]<class V>(std::type_identity<V>) { turn<V, taps>(from, channels, to); });
}

/// All filters, by panels. P is what points are in.
template <class P, class Form>
class Filters {
 public:
  static constexpr int taps = Form::taps, points = Form::points;

  /// Those of the gradient towards x are read backwards; g is then the adjoint geometry.
  Filters(const ConvGeometry& g, bool backward) : C_(g.C), O_(g.O), backward_(backward) {}

  bool is_backward() const { return backward_; }
  Dim panels() const { return (O_ + panel - 1) / panel; }
  Dim columns(Dim p) const { return std::min(panel, O_ - p * panel); }
  /// What C channels are in a product.
  Dim depth() const { return C_ / numbers_in<P>; }
  /// Numbers of a point of a panel.
  Dim numbers() const { return depth() * panel; }

  /// Of one panel.
  void to_points(const float* weight, Dim p, const Points<P>& to) const {
    const Dim width = columns(p), block = side_by_side(width);
    alignas(64) float turned[taps * lanes * lanes];
    for (Dim j = 0; j < width; j += lanes) {
      const Dim o = p * panel + j;
      for (Dim c = 0; c < C_; c += lanes) {
        if (!backward_) turn<taps>(weight + o * taps * C_ + c, C_, turned);
        const auto convert = [&](Dim i, const Points<>& at) {
          if (backward_)
            filter_backwards(weight + (c + i) * taps * O_ + o, at);
          else
            filter_to_points<Form>(turned + i * lanes, lanes * lanes, at);
        };
        P* from_c = to.data + j / block * block * depth() + c / numbers_in<P> * block + j % block;
        for (Dim i = 0; i < Dim{lanes}; i += numbers_in<P>, from_c += block)
          place(convert, i, {from_c, to.plane});
      }
    }
  }

 private:
  /// The taps in the opposite order.
  void filter_backwards(const float* weight, const Points<>& to) const {
    const float* last = weight + (taps - 1) * O_;
    for (int t = 0; t < taps; ++t) __builtin_prefetch(last + (lanes * taps - t) * O_);
    filter_to_points<Form>(last, -O_, to);
  }
  /// Channel i, or a pair of them.
  template <class Convert>
  static void place(const Convert& convert, Dim i, const Points<>& to) {
    convert(i, to);
  }
  template <class Convert>
  static void place(const Convert& convert, Dim i, const Points<Pair>& to) {
    Lanes<points> first, second;
    convert(i, first.all());
    convert(i + 1, second.all());
    pair_up(first.numbers, second.numbers, points, to);
  }

  Dim C_, O_;
  bool backward_;
};

/// The points of all panels of filters: in scratch, or, where runs do not change the weight, in a
/// copy of it that stays.
template <class P, class Form>
class FilterPoints {
 public:
  FilterPoints(KernelContext& k, const Filters<P, Form>& filters, ValueId weight)
      : filters_(filters), panel_size_(Form::points * plane_of(filters.numbers())) {
    const std::size_t bytes = filters_.panels() * panel_size_ * sizeof(P);
    if (!is_kept(k, weight)) {
      scratch_ = Scratch(k, bytes);
      return;
    }
    const auto pack = [me = *this](const void* from, void* to) {
#pragma omp parallel
      me.make(static_cast<const float*>(from), static_cast<P*>(to));
    };
    kept_ = CpuSession::of(k).packed(*k.stored(weight), layout(), bytes, pack);
    k.copied.insert(weight.index);
  }

  /// What is kept, as it should be now; null otherwise. Before the runs.
  const P* kept() const { return kept_ ? static_cast<const P*>(kept_->data()) : nullptr; }
  /// All of them, by all threads of a parallel region.
  const P* make(const Launch& l, const float* weight) const {
    make(weight, scratch_.at<P>(l));
    return scratch_.at<P>(l);
  }
  Points<const P> at(const P* all, Dim p) const { return {all + p * panel_size_, plane()}; }

 private:
  std::size_t plane() const { return panel_size_ / Form::points; }
  void make(const float* weight, P* all) const {
#pragma omp for schedule(static)
    for (Dim p = 0; p < filters_.panels(); ++p)
      filters_.to_points(weight, p, {all + p * panel_size_, plane()});
  }
  std::string layout() const {
    return str("winograd, side ", Form::side, numbers_in<P> == 2 ? ", pairs" : ", floats",
               filters_.is_backward() ? ", backwards" : "");
  }

  Filters<P, Form> filters_;
  std::size_t panel_size_;
  Scratch scratch_;
  std::shared_ptr<Packed> kept_;
};

}  // namespace mpsnn::cpu::winograd
