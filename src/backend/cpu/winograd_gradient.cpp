#include "backend/cpu/column_sum.hpp"
#include "backend/cpu/recurrent_rows.hpp"
#include "backend/cpu/simd.hpp"
#include "backend/cpu/winograd_convolution.hpp"
#include "backend/cpu/winograd_tiles.hpp"

namespace mpsnn::cpu {
namespace {

using winograd::bytes_of;
using winograd::Chunks;
using winograd::Grid;
using winograd::Lanes;
using winograd::numbers_in;
using winograd::Pair;
using winograd::panel;
using winograd::Points;
using winograd::Room;

constexpr Dim slab = 64;  // filters whose points lie side by side

/// Channels [first, first + channels) of a tile's pixels of dy, to the points that they were summed
/// from.
template <class V, class Form, class T>
MPSNN_SIMD void points_of_dy(const T* const* pixels, Dim first, Dim channels, const Points<>& to) {
  for (Dim c = 0; c < channels; c += lanes_of<V>)
    winograd::both_axes<V, Form::m, Form::side>(
        [](const auto& x, auto& y) MPSNN_INLINE_LAMBDA { winograd::pixels_to_points_of_sum(x, y); },
        [&](int i, V& x) MPSNN_INLINE_LAMBDA { load(pixels[i] + first + c, x); },
        [&](int i, const V& y) MPSNN_INLINE_LAMBDA { store(y, to.data + i * to.plane + c); });
}

/// Lanes of a filter's gradient to its taps, `stride` apart; added to them if `add`.
template <class V, class Form>
MPSNN_SIMD void to_taps(const Points<>& from, bool add, float* to, std::size_t stride) {
  for (std::size_t c = 0; c < lanes; c += lanes_of<V>)
    winograd::both_axes<V, Form::side, Form::r>(
        [](const auto& x, auto& y) MPSNN_INLINE_LAMBDA { winograd::points_to_taps(x, y); },
        [&](int i, V& x) MPSNN_INLINE_LAMBDA { load(from.data + i * from.plane + c, x); },
        [&](int t, const V& y) MPSNN_INLINE_LAMBDA {
          V before = {};
          if (add) load(to + t * stride + c, before);
          store(y + before, to + t * stride + c);
        });
}

/// Asks for numbers that the next product reads in columns, from a cache that all threads share:
/// 1024 filters of 1024 channels, 13 x 13 pixels, batch 8, take 51 ms instead of 72.
template <class P>
void fetch(const P* numbers, Dim n) {
  for (Dim i = 0; i < n; i += lanes) __builtin_prefetch(numbers + i, 0, 2);
}

/// P is what points are in: a pair is of two tiles.
template <class T, class P, class Form>
class WinogradGradient {
 public:
  static constexpr int taps = Form::taps, points = Form::points, pixels = Form::m * Form::m;

  WinogradGradient(KernelContext& k, const ConvGeometry& g)
      : grid_(g, k.batch, Form::side),
        C_(g.C),
        O_(g.O),
        pixels_(k.batch * g.h.coarse * g.w.coarse),
        shared_(bytes_of(points, C_ * O_) > winograd::most_kept),
        chunks_(grid_.tiles(), points, O_ / numbers_in<P>, shared_) {
    const Dim threads = omp_get_max_threads();
    parts_ = std::min((threads + panels() - 1) / panels(), slabs());
    const Dim workers = shared_ ? std::min(threads, panels() * parts_) : threads;
    dy_ =
        Room<P>(k, (shared_ ? 1 : threads) * slabs(), points, chunks_.size / numbers_in<P> * slab);
    x_ = Room<P>(k, workers, points, chunks_.size / numbers_in<P> * panel);
    filters_ = shared_ ? Room<>(k, workers, points, slab * panel)
                       : Room<>(k, threads * panels(), points, O_ * panel);
    report(k, "mpsnn:winograd");
  }

  void operator()(const Launch& l) const {
#pragma omp parallel
    if (shared_)
      run_together(l);
    else
      run_apart(l);
    if (l.outputs[2]) column_sum(l.in<T>(0), pixels_, O_, l.out<float>(2));
  }

 private:
  Dim panels() const { return (C_ + panel - 1) / panel; }
  Dim columns(Dim p) const { return std::min(panel, C_ - p * panel); }
  Dim slabs() const { return (O_ + slab - 1) / slab; }
  Dim filters(Dim s) const { return std::min(slab, O_ - s * slab); }
  /// That so many tiles take.
  static Dim in_places(Dim tiles) { return (tiles + numbers_in<P> - 1) / numbers_in<P>; }

  /// Small filters: each thread has tiles, and sums over them, of its own.
  void run_apart(const Launch& l) const {
    const Dim me = omp_get_thread_num();
    const Share share(chunks_.count);
    for (Dim i = share.begin; i < share.end; ++i) {
      const Dim first = i * chunks_.size, count = std::min(chunks_.size, grid_.tiles() - first);
      to_points(l, first, 0, count, me * slabs());
      for (Dim p = 0; p < panels(); ++p) {
        const Points<P> x = to_points(l, first, count, p);
        const Points<> sums = filters_.at(l, me * panels() + p);
        for (Dim s = 0; s < slabs(); ++s)
          multiply(dy_.at(l, me * slabs() + s), x, count, s, p, i > share.begin,
                   {sums.data + s * slab * columns(p), sums.plane});
      }
    }
    if (share.begin == share.end) {
      const Points<> none = filters_.at(l, me * panels());
      std::fill_n(none.data, panels() * points * none.plane, 0.0f);
    }
#pragma omp barrier
#pragma omp for collapse(2) schedule(static)
    for (Dim p = 0; p < panels(); ++p)
      for (int i = 0; i < points; ++i)
        for (Dim thread = 1; thread < omp_get_num_threads(); ++thread) {
          const Points<> to = filters_.at(l, p), from = filters_.at(l, thread * panels() + p);
          rows::add(to.data + i * to.plane, from.data + i * from.plane, nullptr, O_ * columns(p));
        }
#pragma omp for schedule(static)
    for (Dim work = 0; work < panels() * slabs(); ++work) {
      const Dim p = work / slabs(), s = work % slabs();
      const Points<> sums = filters_.at(l, p);
      finish(l, {sums.data + s * slab * columns(p), sums.plane}, s, p, false);
    }
  }

  /// Large filters: each thread has some of their channels, and where there are fewer panels of
  /// these than threads, a part of the filters.
  void run_together(const Launch& l) const {
    const Points<> sums = filters_.at(l, omp_get_thread_num());
    for (Dim i = 0; i < chunks_.count; ++i) {
      const Dim first = i * chunks_.size, count = std::min(chunks_.size, grid_.tiles() - first);
      const Share share(in_places(count));
      to_points(l, first, share.begin * numbers_in<P>, std::min(count, share.end * numbers_in<P>),
                0);
#pragma omp barrier
#pragma omp for schedule(static)
      for (Dim work = 0; work < panels() * parts_; ++work) {
        const Dim p = work / parts_, part = work % parts_;
        const Points<P> x = to_points(l, first, count, p);
        for (Dim s = slabs() * part / parts_; s < slabs() * (part + 1) / parts_; ++s) {
          multiply(dy_.at(l, s), x, count, s, p, false, sums);
          finish(l, sums, s, p, i > 0);
        }
      }
    }
  }

  /// Tiles [first + begin, first + end) of dy, slabs from `at` on.
  void to_points(const Launch& l, Dim first, Dim begin, Dim end, Dim at) const {
    static const T zeros[winograd::most_channels] = {};
    const T* tile[numbers_in<P>][pixels];
    for (Dim t = begin; t < end; t += numbers_in<P>) {
      gather(t, end, zeros, tile,
             [&](Dim i, const T** to) { grid_.y_pixels(l.in<T>(0), first + i, zeros, to); });
      for (Dim s = 0; s < slabs(); ++s) {
        const Points<P> to = dy_.at(l, at + s);
        place(tile, s * slab, filters(s), {to.data + t / numbers_in<P> * filters(s), to.plane});
      }
    }
  }
  /// A panel of channels of x.
  Points<P> to_points(const Launch& l, Dim first, Dim count, Dim p) const {
    static const T zeros[panel] = {};
    const Points<P> to = x_.at(l, omp_get_thread_num());
    const T* tile[numbers_in<P>][points];
    const Dim width = columns(p), block = winograd::side_by_side(width);
    for (Dim j = 0; j < width; j += block)
      for (Dim t = 0; t < count; t += numbers_in<P>) {
        gather(t, count, zeros, tile, [&](Dim i, const T** to) {
          grid_.x_pixels(l.in<T>(1) + p * panel + j, first + i, zeros, to);
        });
        const Dim row = t / numbers_in<P>;
        place(tile, 0, block, {to.data + j * in_places(count) + row * block, to.plane});
      }
    return to;
  }
  /// The pixels of tile t, and of the next one in a pair, which is of zeros where there is none.
  template <int tiles, int count, class PixelsOf>
  static void gather(Dim t, Dim end, const T* zeros, const T* (&to)[tiles][count],
                     const PixelsOf& pixels_of) {
    for (int i = 0; i < tiles; ++i)
      if (t + i < end)
        pixels_of(t + i, to[i]);
      else
        std::fill_n(to[i], count, zeros);
  }
  /// Channels [first, first + channels) of the pixels of dy, or of x, of one tile.
  static void convert(const T* const (&from)[pixels], Dim first, Dim channels, const Points<>& to) {
    with_lanes(
        [&]<class V>(std::type_identity<V>) { points_of_dy<V, Form>(from, first, channels, to); });
  }
  static void convert(const T* const (&from)[points], Dim first, Dim channels, const Points<>& to) {
    winograd::points_of_x<Form::side>(from, first, channels, to);
  }
  template <int count>
  static void place(const T* const (&tile)[1][count], Dim first, Dim channels, const Points<>& to) {
    convert(tile[0], first, channels, to);
  }
  template <int count>
  static void place(const T* const (&tiles)[2][count], Dim first, Dim channels,
                    const Points<Pair>& to) {
    Lanes<points> part[2];
    for (Dim c = 0; c < channels; c += lanes) {
      for (int i = 0; i < 2; ++i) convert(tiles[i], first + c, lanes, part[i].all());
      winograd::pair_up(part[0].numbers, part[1].numbers, points, {to.data + c, to.plane});
    }
  }

  /// The products of a slab of filters, each in a row, with a panel.
  void multiply(const Points<P>& dy, const Points<P>& x, Dim count, Dim s, Dim p, bool add,
                const Points<>& to) const {
    const Dim depth = in_places(count);
    for (int i = 0; i < points; ++i) {
      if (shared_ && i + 1 < points) fetch(dy.data + (i + 1) * dy.plane, depth * filters(s));
      winograd::multiply({dy.data + i * dy.plane, 1, static_cast<std::size_t>(filters(s))},
                         x.data + i * x.plane, depth, filters(s), columns(p), add,
                         to.data + i * to.plane);
    }
  }
  void finish(const Launch& l, const Points<>& sums, Dim s, Dim p, bool add) const {
    const Dim width = columns(p);
    float* to = l.out<float>(1) + s * slab * taps * C_ + p * panel;
    for (Dim i = 0; i < filters(s); ++i)
      for (Dim j = 0; j < width; j += lanes)
        with_lanes([&]<class V>(std::type_identity<V>) {
          to_taps<V, Form>({sums.data + i * width + j, sums.plane}, add, to + i * taps * C_ + j,
                           C_);
        });
  }

  Grid grid_;
  Dim C_, O_, pixels_;
  bool shared_;  ///< See run_together.
  Chunks chunks_;
  Dim parts_;  ///< Of the filters.
  Room<P> dy_, x_;
  Room<> filters_;
};

}  // namespace

bool prefers_winograd_weight_gradient(const ConvGeometry& g, Dim batch, DType type) {
  return winograd::suits_gradient(g, batch, type);
}

Kernel winograd_weight_gradient(KernelContext& k, const ConvGeometry& g) {
  return winograd::with_form(g, k.in_type(0), winograd::pairs_gradients(g, k.in_type(0)),
                             [&]<class T, class P, class Form>(T, P, Form) -> Kernel {
                               return WinogradGradient<T, P, Form>(k, g);
                             });
}

}  // namespace mpsnn::cpu
