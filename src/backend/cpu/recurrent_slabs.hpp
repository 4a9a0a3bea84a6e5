#pragma once

#include <omp.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "backend/cpu/simd.hpp"
#include "ops/recurrent.hpp"

namespace mpsnn::cpu {

/// Images whose steps one thread runs, the longest first: those that have an i-th step are then
/// the first of them.
struct Slab {
  Dim index = 0;  ///< Among the slabs.
  Dim first = 0;  ///< Its first row where each image has one.
  Dim row = 0;    ///< Its first row where each step of each image has one, i-th steps together.
  std::vector<Dim> images, lengths;
  std::vector<Dim> at, before;  ///< Rows of a step and of the one before, for kernels to use.

  Dim count() const { return static_cast<Dim>(images.size()); }
  Dim steps() const { return lengths.empty() ? 0 : lengths.front(); }
  /// Images with an i-th step.
  Dim active(Dim i) const {
    return std::ranges::partition_point(lengths, [i](Dim length) { return length > i; }) -
           lengths.begin();
  }
};

/// As many as there are threads; one where there are fewer images: the products then share the
/// threads instead.
inline Dim slabs_for(Dim images) {
  const Dim threads = omp_get_max_threads();
  return images < threads ? 1 : threads;
}

/// The images of a batch, dealt out to threads.
class Slabs {
 public:
  /// @throws ShapeError if a length is none.
  void arrange(const float* lengths, Dim images, Dim T, std::string_view op) {
    order_.resize(images);
    std::iota(order_.begin(), order_.end(), Dim{0});
    length_.resize(images);
    for (Dim n = 0; n < images; ++n) length_[n] = recurrent::length_of(lengths, n, T, op);
    if (lengths)
      std::ranges::stable_sort(order_, [&](Dim a, Dim b) { return length_[a] > length_[b]; });
    const Dim count = slabs_for(images);
    slabs_.resize(count);
    rows_ = 0;
    for (Dim s = 0; s < count; ++s) {
      Slab& slab = slabs_[s];
      slab.index = s;
      slab.first = s == 0 ? 0 : slabs_[s - 1].first + slabs_[s - 1].count();
      slab.row = rows_;
      slab.images.clear();
      slab.lengths.clear();
      // Side by side, as other ops deal them out; by length, one in turn for each.
      const Dim begin = lengths ? s : images * s / count;
      const Dim end = lengths ? images : images * (s + 1) / count;
      for (Dim i = begin; i < end; i += lengths ? count : 1) {
        slab.images.push_back(order_[i]);
        slab.lengths.push_back(length_[order_[i]]);
        rows_ += slab.lengths.back();
      }
      slab.at.resize(slab.images.size());
      slab.before.resize(slab.images.size());
    }
  }
  /// Calls f(slab) for each, on a thread of its own.
  template <class F>
  void each(const F& f) {
    if (slabs_.size() == 1) return f(slabs_[0]);
    RegionError error;
#pragma omp parallel for schedule(static, 1)
    for (std::size_t s = 0; s < slabs_.size(); ++s) error.catch_from([&] { f(slabs_[s]); });
    error.rethrow();
  }
  Dim length(Dim image) const { return length_[image]; }
  auto begin() const { return slabs_.begin(); }
  auto end() const { return slabs_.end(); }
  /// Steps of all images.
  Dim rows() const { return rows_; }

 private:
  std::vector<Slab> slabs_;
  std::vector<Dim> order_, length_;
  Dim rows_ = 0;
};

}  // namespace mpsnn::cpu
