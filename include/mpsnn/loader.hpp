#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "mpsnn/shape.hpp"
#include "mpsnn/trace.hpp"

namespace mpsnn {

/// Images and their labels in memory of the caller, who keeps them as they are while any Epoch
/// reads them.
struct Dataset {
  int size = 0;      ///< Images, at least 1.
  Shape shape;       ///< Of one image: (H, W, C), (T, C) or any other.
  HostArray images;  ///< uint8, int32 or float32.
  Shape label_shape;
  HostArray labels = {};  ///< int32 or float32; null: there are none.
};

/// What happens to an image on its way into a batch, in this order, each time by a draw of its own
/// that depends on the seed, the epoch and the index of the image alone. All but the last two need
/// (H, W, C), and labels that are not maps themselves.
struct Augmentation {
  bool flip_horizontal = false;  ///< Swaps left and right, of one image in two.
  bool flip_vertical = false;    ///< Swaps top and bottom, likewise.
  int crop = 0;                  ///< Zeros on each side, of which H x W pixels are cut anywhere.
  float contrast = 0;            ///< Times a factor in 1 -+ this, around the mean of the image.
  float brightness = 0;          ///< Plus a number in -+ this. Bytes stay within 0 to 255.
};

struct LoaderOptions {
  int batch = 32;
  std::uint64_t seed = 0;
  bool shuffle = true;     ///< Each epoch has an order of its own.
  bool drop_last = false;  ///< Leaves out the last batch if it is smaller.
  Augmentation augmentation = {};
  /// With either of them an image becomes float32, (x - mean) / deviation: one number, or one per
  /// channel, the last axis. Empty: 0 and 1.
  std::vector<float> mean = {}, deviation = {};
  int prefetch = 2;  ///< Batches prepared ahead, 1 to max_prefetch.
  std::shared_ptr<Trace> trace = nullptr;
};

constexpr int max_prefetch = 64;

/// One batch. Copies share its memory, which is used again when the last is gone.
struct LoadedBatch {
  std::uint64_t epoch = 0;
  int index = 0;   ///< Within its epoch.
  int images = 0;  ///< LoaderOptions::batch; fewer in a last one.
  HostArray inputs = {};
  HostArray labels = {};  ///< Null if there are none.
  std::shared_ptr<void> memory = nullptr;
};

/// One pass over a dataset: a thread prepares its batches ahead of the caller. `next` may be
/// called from several threads.
class Epoch {
 public:
  Epoch(Epoch&&) noexcept;
  Epoch& operator=(Epoch&&) = delete;
  /// Returns as soon as the thread has left its image.
  ~Epoch();

  /// The next batch, or none at the end. Waits while it is being prepared.
  /// @throws what its preparation failed with, at every call from then on; Error in a forked child,
  ///     which has no such thread.
  std::optional<LoadedBatch> next();

 private:
  friend class Loader;
  struct Impl;
  explicit Epoch(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Makes batches of a dataset: order, augmentation, normalisation. Immutable and thread-safe; the
/// work is done by the thread of each Epoch.
class Loader {
 public:
  /// @throws ShapeError naming what does not fit.
  Loader(const Dataset& dataset, const LoaderOptions& options);

  int batches() const;  ///< Of an epoch.
  DType dtype() const;  ///< Of the images in batches.
  /// Starts an epoch at batch `first`. @throws ShapeError unless it is 0 to `batches()`.
  Epoch epoch(std::uint64_t epoch, int first = 0) const;

 private:
  friend class Epoch;
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

/// The order of `size` images in an epoch: a Fisher-Yates shuffle by Philox, keyed by both numbers.
std::vector<std::int32_t> shuffled(int size, std::uint64_t seed, std::uint64_t epoch);

}  // namespace mpsnn
