#include "train/preparation.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <type_traits>

#include "mpsnn/errors.hpp"
#include "ops/philox.hpp"

namespace mpsnn {
namespace {

/// Which counters are whose, apart from those of dropout.
enum Stream : std::uint32_t { order = 0x10AD0000, moves, colours };

/// Four words for image or block `number`.
std::array<std::uint32_t, 4> words(std::uint32_t number, Stream stream, std::uint64_t epoch,
                                   std::uint64_t seed) {
  return philox(
      {number, stream, static_cast<std::uint32_t>(epoch), static_cast<std::uint32_t>(epoch >> 32)},
      {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}

/// 0 to n - 1, each with a chance that is wrong by n / 2^32 of itself at most.
Dim below(Dim n, std::uint32_t word) {
  return static_cast<Dim>((static_cast<std::uint64_t>(word) * static_cast<std::uint64_t>(n)) >> 32);
}

/// From -1 to 1.
float symmetric(std::uint32_t word) {
  return static_cast<float>(std::ldexp(static_cast<double>(word), -31) - 1);
}

void check_amount(std::string_view what, float value, float most) {
  if (!(value >= 0 && value <= most))
    throw ShapeError(str("loader: ", what, " must be 0 to ", most, ", got ", value));
}

/// Bytes are added up as integers, which is quick and gives the same.
template <class X>
float mean_of(const X* x, Dim size) {
  using Sum = std::conditional_t<std::is_integral_v<X>, std::uint64_t, double>;
  const auto sum = static_cast<double>(std::accumulate(x, x + size, Sum{0}));
  return static_cast<float>(sum / static_cast<double>(size));
}

/// Copies `count` pixels, from the one at `last` to those in front of it.
void copy_backwards(const std::byte* last, std::byte* y, Dim count, std::size_t pixel) {
  const auto copy = [=](auto size) {
    for (Dim i = 0; i < count; ++i) std::memcpy(y + i * size, last - i * size, size);
  };
  switch (pixel) {  // a size that is known costs no call
    case 1:
      return copy(std::integral_constant<std::ptrdiff_t, 1>{});
    case 3:
      return copy(std::integral_constant<std::ptrdiff_t, 3>{});
    case 4:
      return copy(std::integral_constant<std::ptrdiff_t, 4>{});
    case 12:
      return copy(std::integral_constant<std::ptrdiff_t, 12>{});
    default:
      return copy(static_cast<std::ptrdiff_t>(pixel));
  }
}

}  // namespace

std::vector<std::int32_t> shuffled(int size, std::uint64_t seed, std::uint64_t epoch) {
  std::vector<std::int32_t> out(size);
  std::iota(out.begin(), out.end(), 0);
  std::array<std::uint32_t, 4> drawn{};
  for (int i = size - 1, n = 0; i > 0; --i, ++n) {
    if (n % 4 == 0) drawn = words(n / 4, order, epoch, seed);
    std::swap(out[i], out[below(i + 1, drawn[n % 4])]);
  }
  return out;
}

Preparation::Preparation(const Dataset& dataset, const LoaderOptions& options)
    : shape_(dataset.shape),
      images_(static_cast<const std::byte*>(dataset.images.data)),
      stored_(dataset.images.dtype),
      dtype_(stored_),
      augmentation_(options.augmentation),
      seed_(options.seed) {
  const Augmentation& a = augmentation_;
  if (stored_ != DType::uint8 && stored_ != DType::int32 && stored_ != DType::float32)
    throw ShapeError(str("loader: images must be uint8, int32 or float32, got ", stored_));
  if (a.crop < 0) throw ShapeError(str("loader: crop must not be negative, got ", a.crop));
  check_amount("contrast", a.contrast, 1);
  check_amount("brightness", a.brightness, std::numeric_limits<float>::max());
  jitters_ = a.contrast > 0 || a.brightness > 0;
  moves_ = a.flip_horizontal || a.flip_vertical || a.crop > 0;
  if (moves_) check_moves(dataset);
  const bool normalises = !options.mean.empty() || !options.deviation.empty();
  if ((jitters_ || normalises) && stored_ == DType::int32)
    throw ShapeError(
        "loader: images must be uint8 or float32 for contrast, brightness, mean and deviation, "
        "got int32");
  if (normalises) {
    tile(options, shape_.rank() ? shape_[shape_.rank() - 1] : 1);
    dtype_ = DType::float32;
  }
}

/// What moves pixels must not leave labels behind.
void Preparation::check_moves(const Dataset& dataset) const {
  if (shape_.rank() != 3)
    throw ShapeError(
        str("loader: images must be (H, W, C) each to be flipped or cropped, got ", shape_));
  if (dataset.labels.data && dataset.label_shape.rank() > 1)
    throw ShapeError(str("loader: labels ", dataset.label_shape,
                         " of an image would not be flipped and cropped with it"));
}

void Preparation::tile(const LoaderOptions& options, Dim channels) {
  constexpr Dim at_least = 1024;  // pixels of a loop, so that it is worth its start
  const auto repeat = [&](const char* what, const std::vector<float>& values, float none) {
    if (values.size() > 1 && static_cast<Dim>(values.size()) != channels)
      throw ShapeError(str("loader: ", what, " must be one number or one for each of ", channels,
                           " channels, got ", values.size()));
    std::vector<float> out((at_least + channels - 1) / channels * channels, none);
    for (std::size_t i = 0; i < out.size() && !values.empty(); ++i)
      out[i] = values[i % values.size()];
    if (!std::ranges::all_of(out, [](float v) { return std::isfinite(v); }))
      throw ShapeError(str("loader: ", what, " must be finite"));
    return out;
  };
  mean_ = repeat("mean", options.mean, 0);
  deviation_ = repeat("deviation", options.deviation, 1);
  if (std::ranges::any_of(deviation_, [](float v) { return v <= 0; }))
    throw ShapeError("loader: deviation must be greater than 0");
}

/// Every draw has its own word, so that one augmentation does not change another.
Preparation::Draw Preparation::draw(int index, std::uint64_t epoch) const {
  Draw out;
  const Augmentation& a = augmentation_;
  constexpr std::uint32_t half = 1u << 31;
  if (moves_) {
    const auto drawn = words(index, Stream::moves, epoch, seed_);
    out.flip_horizontal = a.flip_horizontal && drawn[0] >= half;
    out.flip_vertical = a.flip_vertical && drawn[1] >= half;
    out.row = below(2 * Dim{a.crop} + 1, drawn[2]) - a.crop;
    out.column = below(2 * Dim{a.crop} + 1, drawn[3]) - a.crop;
  }
  if (jitters_) {
    const auto drawn = words(index, Stream::colours, epoch, seed_);
    const float apart = a.contrast * symmetric(drawn[0]);
    out.factor = 1 + apart;
    out.shift = a.brightness * symmetric(drawn[1]);
  }
  return out;
}

void Preparation::image(int index, std::uint64_t epoch, std::byte* out,
                        std::vector<std::byte>& scratch) const {
  const std::size_t bytes = shape_.size() * size_of(stored_);
  const std::byte* x = images_ + index * bytes;
  const Draw drawn = draw(index, epoch);
  const bool colours = jitters_ || !mean_.empty();
  if (!colours && !moves_) {
    std::memcpy(out, x, bytes);
    return;
  }
  const std::byte* moved = x;
  if (moves_) {
    if (colours) scratch.resize(bytes);
    std::byte* y = colours ? scratch.data() : out;
    move(x, drawn, y);
    moved = y;
  }
  if (!colours) return;
  const auto as = [&]<class X>(X) {
    const float centre = jitters_ ? mean_of(reinterpret_cast<const X*>(x), shape_.size()) : 0;
    recolour(reinterpret_cast<const X*>(moved), centre, drawn, out);
  };
  if (stored_ == DType::uint8)
    as(std::uint8_t{});
  else
    as(float{});
}

/// Flips, then cuts H x W pixels out of the image with zeros around it.
void Preparation::move(const std::byte* x, const Draw& draw, std::byte* y) const {
  const Dim rows = shape_[0], columns = shape_[1];
  const std::size_t pixel = shape_[2] * size_of(stored_);
  const Dim first = std::clamp<Dim>(-draw.column, 0, columns);
  const Dim last = std::clamp<Dim>(columns - draw.column, 0, columns);
  for (Dim i = 0; i < rows; ++i, y += columns * pixel) {
    const Dim row = i + draw.row;
    if (row < 0 || row >= rows) {
      std::memset(y, 0, columns * pixel);
      continue;
    }
    const std::byte* line = x + (draw.flip_vertical ? rows - 1 - row : row) * columns * pixel;
    std::memset(y, 0, first * pixel);
    std::memset(y + last * pixel, 0, (columns - last) * pixel);
    if (last <= first) continue;
    if (draw.flip_horizontal)
      copy_backwards(line + (columns - 1 - first - draw.column) * pixel, y + first * pixel,
                     last - first, pixel);
    else
      std::memcpy(y + first * pixel, line + (first + draw.column) * pixel, (last - first) * pixel);
  }
}

template <class X>
void Preparation::recolour(const X* x, float centre, const Draw& draw, std::byte* y) const {
  if (dtype_ == DType::uint8)
    recolour_as(x, centre, draw, reinterpret_cast<std::uint8_t*>(y));
  else
    recolour_as(x, centre, draw, reinterpret_cast<float*>(y));
}

/// One statement per rounding, so that no compiler joins two of them and all give the same.
template <class X, class Y>
void Preparation::recolour_as(const X* x, float centre, const Draw& draw, Y* y) const {
  constexpr bool bytes = std::is_same_v<X, std::uint8_t>;
  const auto jitter = [centre, factor = draw.factor, shift = draw.shift](float value) {
    const float apart = value - centre;
    const float spread = apart * factor;
    const float back = spread + centre;
    const float moved = back + shift;
    return bytes ? std::min(std::max(moved, 0.0f), 255.0f) : moved;
  };
  const Dim size = shape_.size();
  if constexpr (std::is_same_v<Y, std::uint8_t>) {
    for (Dim i = 0; i < size; ++i) y[i] = static_cast<Y>(std::nearbyint(jitter(x[i])));
  } else if (mean_.empty()) {
    for (Dim i = 0; i < size; ++i) y[i] = jitter(x[i]);
  } else {
    const auto standardise = [&](auto colour) {
      const float *mean = mean_.data(), *deviation = deviation_.data();
      const Dim tile = static_cast<Dim>(mean_.size());
      for (Dim first = 0; first < size; first += tile) {
        const Dim count = std::min(tile, size - first);
        for (Dim i = 0; i < count; ++i)
          y[first + i] = (colour(static_cast<float>(x[first + i])) - mean[i]) / deviation[i];
      }
    };
    if (jitters_)
      standardise(jitter);
    else
      standardise([](float value) { return value; });
  }
}

}  // namespace mpsnn
