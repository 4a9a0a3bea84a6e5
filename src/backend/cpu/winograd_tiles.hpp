#pragma once

#include "backend/cpu/framed_images.hpp"
#include "backend/cpu/primitive.hpp"
#include "backend/cpu/winograd_pairs.hpp"
#include "ops/conv_geometry.hpp"

/// The tiles of a batch of images, to their points and back.
namespace mpsnn::cpu::winograd {

/// Where they lie: those of y side by side, those of x overlap.
class Grid {
 public:
  /// Of tiles of so many rows and columns of x.
  Grid(const ConvGeometry& g, Dim batch, int side);

  Dim tiles() const { return batch_ * rows_ * columns_; }

  /// The pixels of x that a tile reads; `outside` where there is none.
  template <class T>
  void x_pixels(T* x, Dim tile, T* outside, T** pixels) const {
    place(x, {h_.fine, w_.fine}, C_, tile, h_.before, w_.before, side_, outside, pixels);
  }
  /// The pixels of y in a tile.
  template <class T>
  void y_pixels(T* y, Dim tile, T* outside, T** pixels) const {
    place(y, {h_.coarse, w_.coarse}, O_, tile, 0, 0, outputs_, outside, pixels);
  }

 private:
  struct Extent {
    Dim h, w;
  };
  template <class T>
  void place(T* images, const Extent& extent, Dim channels, Dim tile, Dim before_h, Dim before_w,
             int size, T* outside, T** pixels) const {
    const Dim image = tile / (rows_ * columns_), in_image = tile % (rows_ * columns_);
    const Dim top = in_image / columns_ * outputs_ - before_h;
    const Dim left = in_image % columns_ * outputs_ - before_w;
    for (Dim i = top; i < top + size; ++i)
      for (Dim j = left; j < left + size; ++j) {
        const bool inside = i >= 0 && i < extent.h && j >= 0 && j < extent.w;
        *pixels++ = inside ? images + ((image * extent.h + i) * extent.w + j) * channels : outside;
      }
  }

  ConvAxis h_, w_;
  Dim C_, O_, batch_;
  int side_, outputs_;  ///< Rows and columns of x, and of y, in a tile.
  Dim rows_, columns_;
};

/// What lies in one place of a plane.
template <class P>
inline constexpr Dim numbers_in = std::is_same_v<P, Pair> ? 2 : 1;

/// From one plane to the next, for so many numbers: not a power of two, or all would share few
/// lines of a cache.
inline std::size_t plane_of(Dim numbers) { return numbers + lanes; }

/// Channels [first, first + channels), whole lanes, of a tile's pixels of x: to `to`, side by side.
template <int side, class T>
void points_of_x(const T* const* pixels, Dim first, Dim channels, const Points<>& to);
template <int side>
void points_of_x(const BFloat16* const* pixels, Dim first, Dim channels, const Points<Pair>& to) {
  Lanes<side * side> part;
  for (Dim c = 0; c < channels; c += lanes) {
    points_of_x<side>(pixels, first + c, lanes, part.all());
    pair_up(part.numbers, side * side, {to.data + c / numbers_in<Pair>, to.plane});
  }
}

/// Points in scratch memory, several times.
template <class P = float>
class Room {
 public:
  Room() = default;
  Room(KernelContext& k, Dim times, int points, Dim numbers)
      : points_(points),
        plane_(plane_of(numbers)),
        scratch_(k, times * points * plane_ * sizeof(P)) {}
  Points<P> at(const Launch& l, Dim i) const {
    return {scratch_.at<P>(l) + i * points_ * plane_, plane_};
  }

 private:
  int points_ = 0;
  std::size_t plane_ = 0;
  Scratch scratch_;
};

inline constexpr Dim most_channels = 8192;
inline constexpr Dim most_kept = 5 << 19;  ///< Bytes of the points of filters, all made at once.
inline constexpr Dim private_bytes = 3 << 18;  ///< Of points of tiles, of one thread.
inline constexpr Dim shared_bytes = 24 << 20;  ///< Of all threads.
inline constexpr Dim rows_at_once = 8;         ///< Of a product.

inline Dim rounded(Dim rows) { return (rows + rows_at_once - 1) / rows_at_once * rows_at_once; }
inline Dim bytes_of(int points, Dim numbers) { return points * numbers * Dim{sizeof(float)}; }
/// Whether points of filters stay where the weight does. Pairs take 1.8 times the memory of the
/// weight in bfloat16, of whose packed copy they take the place; floats would take 5 to 8 times.
inline bool keeps(bool pairs, int points, Dim numbers) {
  return pairs || bytes_of(points, numbers) <= most_kept;
}

/// Tiles that are worked on at a time, and how often.
struct Chunks {
  Dim size, count;

  /// Of `numbers` numbers a point; all threads share one chunk, or each has its own.
  Chunks(Dim tiles, int points, Dim numbers, bool shared) {
    const Dim threads = shared ? 1 : omp_get_max_threads();
    const Dim bytes = shared ? shared_bytes : private_bytes;
    const Dim most =
        std::max(rows_at_once, bytes / bytes_of(points, numbers + (shared ? 0 : panel)) /
                                   rows_at_once * rows_at_once);
    const Dim fair = rounded((tiles + threads - 1) / threads);
    count = (fair + most - 1) / most * threads;
    size = rounded((tiles + count - 1) / count);
    count = (tiles + size - 1) / size;
  }
};

/// Columns of the right side that lie side by side, `depth` rows of them; the next ones follow.
/// Without AVX-512 a product takes 16 at a time, and would otherwise use half of each line.
inline Dim side_by_side(Dim columns) { return has_512_bits() ? columns : Dim{lanes}; }

/// to = left * right, or to += left * right, for each row of `to`; rows are multiples of 8, columns
/// 16 or 32.
void multiply(const Rows<>& left, const float* right, Dim depth, Dim rows, Dim columns, bool add,
              float* to);

inline constexpr int large = 4;  ///< Rows and columns of y in a tile, but for small_pairs.

/// Calls f with values of the type T and of what points are in, and the form.
template <class F>
auto with_form(const ConvGeometry& g, DType type, bool pairs, const F& f) {
  const auto with_types = [&](auto form) {
    if (type != DType::bfloat16) return f(float{}, float{}, form);
    return pairs ? f(BFloat16{}, Pair{}, form) : f(BFloat16{}, float{}, form);
  };
  return g.h.kernel == 3 ? with_types(Form<large, 3>{}) : with_types(Form<large, 5>{});
}

/// Whether points of gradients are pairs.
inline bool pairs_gradients(const ConvGeometry& g, DType type) {
  return type == DType::bfloat16 && has_pairs() && g.h.kernel == 3;
}

/// Whether a gradient can be computed so, and is then faster than by products over all taps.
bool suits_gradient(const ConvGeometry& g, Dim batch, DType type);

/// The same for the way forward, in points of float32, or of 4 x 4 tiles in pairs; if the weight is
/// `kept`, points of filters that stay are made once.
enum class Choice { none, floats, small_pairs };
Choice choose(const ConvGeometry& g, Dim batch, DType type, bool kept);

}  // namespace mpsnn::cpu::winograd
