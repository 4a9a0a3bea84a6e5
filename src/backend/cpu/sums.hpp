#pragma once

#include <omp.h>

#include <algorithm>
#include <type_traits>

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/primitive.hpp"

namespace mpsnn::cpu {

/// Where a thread adds up to `n` results of type T in float32: where they belong if T is that, else
/// in scratch of its own, from which they are rounded once.
template <class T>
class Sums {
  static constexpr bool in_place = std::is_same_v<T, float>;

 public:
  Sums(KernelContext& k, Dim n)
      : n_(n),
        scratch_(
            k, in_place ? 0 : static_cast<std::size_t>(omp_get_max_threads() * n) * sizeof(float)) {
  }

  float* begin(const Launch& l, T* to) const {
    if constexpr (in_place)
      return to;
    else
      return scratch_.at<float>(l) + omp_get_thread_num() * n_;
  }
  void end(const float* sums, T* to) const {
    if constexpr (!in_place) convert(sums, to, n_);
  }

 private:
  Dim n_;
  Scratch scratch_;
};

}  // namespace mpsnn::cpu
