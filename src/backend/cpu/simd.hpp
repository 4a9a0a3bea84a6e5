#pragma once

#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <exception>

/// Marks a plain function over a range of elements: compiled once per x86 level,
/// the best chosen when the library is loaded, so that one binary is fast on every
/// machine. Bodies of OpenMP regions are not cloned, so they call such functions.
/// Sanitizers are not set up yet when the loader chooses.
#if defined(__x86_64__) && defined(__ELF__) && defined(__GNUC__) && !defined(__clang__) && \
    __GNUC__ >= 12 && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MPSNN_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MPSNN_SIMD
#endif

/// Marks a function for one such level, of which the caller knows that the processor has it; for
/// loops over whole registers, whose shape depends on their number and size.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define MPSNN_V4 __attribute__((target("arch=x86-64-v4")))
#define MPSNN_V3 __attribute__((target("arch=x86-64-v3")))
#define MPSNN_HAS_LEVELS 1
#else
#define MPSNN_V4
#define MPSNN_V3
#define MPSNN_HAS_LEVELS 0
#endif

/// Marks a function for AVX512-BF16, whose products are of pairs of bfloat16.
#if defined(__x86_64__) && (__GNUC__ >= 12 || __clang_major__ >= 12)
#define MPSNN_PAIRS __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))
#define MPSNN_HAS_PAIRS 1
#else
#define MPSNN_HAS_PAIRS 0
#endif

namespace mpsnn::cpu {

/// Elements below which waking a second thread costs more than it saves.
inline constexpr std::size_t grain = 16384;

/// Calls f(begin, end) on parts of [0, n), one per thread. `cost` is the work of
/// one item, in elements. All threads or one: libgomp stops and restarts threads
/// when their number changes from region to region.
template <class F>
void parallel_for(std::size_t n, std::size_t cost, const F& f) {
  if (n == 0) return;
  if (n == 1 || n * cost < 2 * grain) return f(std::size_t{0}, n);
  // Parts of whole cache lines, where items are small.
  const std::size_t unit = cost >= 16 ? 1 : 64;
  const std::size_t units = (n + unit - 1) / unit;
#pragma omp parallel
  {
    const std::size_t thread = omp_get_thread_num(), threads = omp_get_num_threads();
    const std::size_t begin = units * thread / threads * unit;
    const std::size_t end = std::min(n, units * (thread + 1) / threads * unit);
    if (begin < end) f(begin, end);
  }
}

/// Shares of [0, n) for this thread of a parallel region.
struct Share {
  std::ptrdiff_t begin, end;
  explicit Share(std::ptrdiff_t n)
      : begin(n * omp_get_thread_num() / omp_get_num_threads()),
        end(n * (omp_get_thread_num() + 1) / omp_get_num_threads()) {}
};

/// The first exception of a parallel region, which none may leave.
class RegionError {
 public:
  template <class F>
  void catch_from(const F& f) {
    try {
      f();
    } catch (...) {
#pragma omp critical
      if (!error_) error_ = std::current_exception();
    }
  }
  /// Behind the region.
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::exception_ptr error_;
};

/// Calls f(i) for i in [0, n) on all threads, for kernels that are templates of two backends.
inline constexpr auto each_in_parallel = [](auto n, std::size_t cost, const auto& f) {
  parallel_for(n, cost, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) f(static_cast<decltype(n)>(i));
  });
};

}  // namespace mpsnn::cpu
