#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/pooling.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

constexpr float lowest = -std::numeric_limits<float>::infinity();

/// Of an axis, what each window has of the image.
std::vector<Clip> clips(Dim out, Dim stride, Dim before, Dim kernel, Dim dilation, Dim in) {
  std::vector<Clip> all;
  for (Dim i = 0; i < out; ++i) all.emplace_back(i, stride, before, kernel, dilation, in);
  return all;
}

struct MaxSizes : PoolSizes {
  std::vector<Clip> rows, columns;

  explicit MaxSizes(const PoolSizes& s)
      : PoolSizes(s),
        rows(clips(s.out_h, s.stride.h, s.top, s.kernel.h, s.dilation.h, s.h)),
        columns(clips(s.out_w, s.stride.w, s.left, s.kernel.w, s.dilation.w, s.w)) {}
};

/// The taps of a window that lie inside the image, and what it starts with.
template <class T>
struct Window {
  const T* first;           ///< The pixel of the first tap.
  Dim rows, columns;        ///< Of taps.
  Dim row_step, step;       ///< From one tap to the one below, and to the next one.
  int first_tap, row_taps;  ///< The number of the first one, and those of a row.
  int start;                ///< The argmax if nothing is larger: the outside, or the first tap.
  float least;              ///< Of the outside, 0.

  MPSNN_INLINE Window(const MaxSizes& s, const T* image, Dim oh, Dim ow) {
    const Clip &h = s.rows[oh], &w = s.columns[ow];
    rows = h.size();
    columns = w.size();
    step = s.dilation.w * s.c;
    row_step = s.dilation.h * s.w * s.c;
    first = image + ((h.at * s.w + w.at) * s.c + h.first * row_step + w.first * step);
    row_taps = s.kernel.w;
    first_tap = static_cast<int>(h.first * row_taps + w.first);
    const int area = s.kernel.h * s.kernel.w;
    const bool outside = s.zero && rows * columns < area;
    start = outside ? area : first_tap;
    least = outside ? 0 : lowest;
  }
  /// Calls f(pixel, tap).
  template <class F>
  MPSNN_INLINE void each_tap(const F& f) const {
    const T* row = first;
    int row_tap = first_tap;
    for (Dim i = 0; i < rows; ++i, row += row_step, row_tap += row_taps) {
      const T* pixel = row;
      for (Dim j = 0; j < columns; ++j, pixel += step) f(pixel, row_tap + static_cast<int>(j));
    }
  }
};

template <class V>
struct Largest {
  V value;
  Ints<V> tap;
};

/// A row of y, with as many channels as a vector has, or more; and of argmax, if that is kept.
template <class V, bool keep, class T, class Index>
MPSNN_SIMD void max_row(const MaxSizes& s, const T* image, Dim oh, T* y, Index* argmax) {
  for (Dim ow = 0; ow < s.out_w; ++ow, y += s.y_row) {
    const Window<T> window(s, image, oh, ow);
    each_lanes<V, Largest<V>>(
        s.c,
        [&](std::size_t c, Largest<V>& largest) MPSNN_INLINE_LAMBDA {
          V value = V{} + window.least, now;
          Ints<V> won = Ints<V>{} + window.start;
          window.each_tap([&](const T* pixel, int tap) MPSNN_INLINE_LAMBDA {
            load(pixel + c, now);
            if (keep) won = now > value ? Ints<V>{} + tap : won;
            value = now > value ? now : value;
          });
          largest.value = value;
          largest.tap = won;
        },
        [&](std::size_t c, const Largest<V>& largest) MPSNN_INLINE_LAMBDA {
          store(largest.value, y + c);
          if (keep) store_each<V>(largest.tap, argmax + ow * s.c + c);
        });
  }
}

/// The same for fewer channels.
template <class T, class Index>
void max_row_of_few(const MaxSizes& s, const T* image, Dim oh, T* y, Index* argmax) {
  for (Dim ow = 0; ow < s.out_w; ++ow, y += s.y_row) {
    const Window<T> window(s, image, oh, ow);
    for (Dim c = 0; c < s.c; ++c) {
      float largest = window.least;
      int at = window.start;
      window.each_tap([&](const T* pixel, int tap) {
        const float now = pixel[c];
        if (!(now > largest)) return;
        largest = now;
        at = tap;
      });
      y[c] = largest;
      if (argmax) argmax[ow * s.c + c] = static_cast<Index>(at);
    }
  }
}

template <class T, class Index>
void max_pool(const MaxSizes& s, const T* x, T* y, Index* argmax) {
  const std::size_t cost = s.out_w * s.c * s.kernel.h * s.kernel.w;
  parallel_for(s.n * s.out_h, cost, [&](std::size_t begin, std::size_t end) {
    with_lanes([&]<class V>(std::type_identity<V>) {
      const auto run = s.c < Dim{lanes_of<V>} ? max_row_of_few<T, Index>
                       : argmax               ? max_row<V, true, T, Index>
                                              : max_row<V, false, T, Index>;
      for (std::size_t row = begin; row < end; ++row) {
        const Dim at = row * s.out_w;
        run(s, x + row / s.out_h * s.h * s.w * s.c, row % s.out_h, y + at * s.y_row,
            argmax ? argmax + at * s.c : nullptr);
      }
    });
  });
}

/// A window that a pixel of an axis lies in, and as which tap.
struct Cover {
  Dim out;
  int tap;
};

/// Those of all pixels of an axis.
class Covers {
 public:
  Covers(Dim in, Dim out, Dim stride, Dim before, Dim kernel, Dim dilation) {
    for (Dim pixel = 0; pixel < in; ++pixel) {
      first_.push_back(covers_.size());
      for (Dim tap = 0; tap < kernel; ++tap) {
        const Dim from = pixel + before - tap * dilation;
        if (from >= 0 && from % stride == 0 && from / stride < out)
          covers_.push_back({from / stride, static_cast<int>(tap)});
      }
    }
    first_.push_back(covers_.size());
  }
  std::span<const Cover> of(Dim pixel) const {
    return std::span(covers_).subspan(first_[pixel], first_[pixel + 1] - first_[pixel]);
  }

 private:
  std::vector<Cover> covers_;
  std::vector<std::size_t> first_;
};

/// What a pixel of x gets: dy of the windows that it won.
struct GradientSizes : PoolSizes {
  Covers rows, columns;

  explicit GradientSizes(const PoolSizes& s)
      : PoolSizes(s),
        rows(s.h, s.out_h, s.stride.h, s.top, s.kernel.h, s.dilation.h),
        columns(s.w, s.out_w, s.stride.w, s.left, s.kernel.w, s.dilation.w) {}

  /// Calls f(pixel of y, tap) for the windows of a pixel.
  template <class F>
  MPSNN_INLINE void each_cover(std::span<const Cover> of_row, Dim column, const F& f) const {
    for (const Cover& r : of_row)
      for (const Cover& c : columns.of(column)) f(r.out * out_w + c.out, r.tap * kernel.w + c.tap);
  }
};

/// A row of dx; dy and argmax are those of the image.
template <class V, class T, class Index>
MPSNN_SIMD void gradient_row(const GradientSizes& s, const T* dy, const Index* argmax, Dim row,
                             T* dx) {
  const auto of_row = s.rows.of(row);
  for (Dim column = 0; column < s.w; ++column, dx += s.c)
    each_lanes<V, V>(
        s.c,
        [&](std::size_t c, V& sum) MPSNN_INLINE_LAMBDA {
          sum = V{};
          s.each_cover(of_row, column, [&](Dim at, int tap) MPSNN_INLINE_LAMBDA {
            V d;
            Ints<V> won;
            load(dy + at * s.y_row + c, d);
            load_each<V>(argmax + at * s.c + c, won);
            sum += won == tap ? d : V{};
          });
        },
        [&](std::size_t c, const V& sum) MPSNN_INLINE_LAMBDA { store(sum, dx + c); });
}

/// The same for fewer channels than a vector has.
template <class T, class Index>
void gradient_row_of_few(const GradientSizes& s, const T* dy, const Index* argmax, Dim row, T* dx) {
  for (Dim column = 0; column < s.w; ++column, dx += s.c)
    for (Dim c = 0; c < s.c; ++c) {
      float sum = 0;
      s.each_cover(s.rows.of(row), column, [&](Dim at, int tap) {
        if (argmax[at * s.c + c] == tap) sum += dy[at * s.y_row + c];
      });
      dx[c] = sum;
    }
}

template <class T, class Index>
void max_gradient(const GradientSizes& s, const T* dy, const Index* argmax, T* dx) {
  const std::size_t cost = s.w * s.c;
  parallel_for(s.n * s.h, cost, [&](std::size_t begin, std::size_t end) {
    with_lanes([&]<class V>(std::type_identity<V>) {
      const auto run =
          s.c < Dim{lanes_of<V>} ? gradient_row_of_few<T, Index> : gradient_row<V, T, Index>;
      for (std::size_t row = begin; row < end; ++row) {
        const Dim first = row / s.h * s.out_h * s.out_w;
        run(s, dy + first * s.y_row, argmax + first * s.c, row % s.h, dx + row * s.w * s.c);
      }
    });
  });
}

}  // namespace

Kernel own_max_pool(const PoolSizes& sizes) {
  return with_float(sizes.type, [&]<class T>(T) -> Kernel {
    const MaxSizes s(sizes);
    if (s.wide)
      return [s](const Launch& l) {
        max_pool(s, l.in<T>(0), l.out<T>(0), wanted<std::int32_t>(l, 1));
      };
    return
        [s](const Launch& l) { max_pool(s, l.in<T>(0), l.out<T>(0), wanted<std::uint8_t>(l, 1)); };
  });
}

Kernel own_max_pool_gradient(const PoolSizes& sizes) {
  return with_float(sizes.type, [&]<class T>(T) -> Kernel {
    const GradientSizes s(sizes);
    if (s.wide)
      return
          [s](const Launch& l) { max_gradient(s, l.in<T>(0), l.in<std::int32_t>(1), l.out<T>(0)); };
    return
        [s](const Launch& l) { max_gradient(s, l.in<T>(0), l.in<std::uint8_t>(1), l.out<T>(0)); };
  });
}

}  // namespace mpsnn::cpu
