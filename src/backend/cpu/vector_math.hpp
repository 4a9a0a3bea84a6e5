#pragma once

#include "backend/cpu/lanes.hpp"

/// Functions of K vectors V of floats, K at a time so that none waits for the others. Relative
/// errors are under 2e-7.
namespace mpsnn::cpu {

/// e^x = scale * (1 + rest), scale a power of two; 0 and infinity are not reached.
template <class V, int K>
struct Powers {
  V scale[K], rest[K];

  MPSNN_INLINE explicit Powers(V (&x)[K]) {
    V n[K], p[K];
    each([&](int k) { x[k] = x[k] > 88.0f ? V{} + 88.0f : x[k]; });
    each([&](int k) { x[k] = x[k] < -87.0f ? V{} - 87.0f : x[k]; });
    // x = n log 2 + r with |r| <= log 2 / 2. Adding 1.5 * 2^23 rounds to a whole number, and log 2
    // in two parts, the first with few bits, makes n * first exact.
    constexpr float shift = 0x1.8p23f, first = 0x1.62ep-1f, second = 0x1.0bfbe8p-15f;
    each([&](int k) { n[k] = x[k] * 0x1.715476p0f + shift; });
    each([&](int k) { n[k] -= shift; });
    each([&](int k) { x[k] -= n[k] * first; });
    each([&](int k) { x[k] -= n[k] * second; });
    // The polynomial of this degree that is closest to e^r - 1, by Lawson's algorithm: 2e-8 of it.
    each([&](int k) { p[k] = 0.00138825f * x[k] + 0.00836652f; });
    for (const float next : {0.0416672f, 0.16666544f, 0.49999998f})
      each([&](int k) { p[k] = p[k] * x[k] + next; });
    each([&](int k) { p[k] *= x[k]; });
    each([&](int k) { rest[k] = p[k] * x[k] + x[k]; });
    each([&](int k) {
      using Whole = decltype(x[k] > x[k]);  // a vector of 32 bits
      const Whole bits = (__builtin_convertvector(n[k], Whole) + 127) << 23;
      std::memcpy(&scale[k], &bits, sizeof bits);
    });
  }

  template <class F>
  MPSNN_INLINE static void each(const F& f) {
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) f(k);
  }
};

/// Functions of an argument x by e^ax.
struct Logistic {
  static constexpr float a = -1;
  template <class V>
  MPSNN_INLINE static void of(const V& scale, const V& rest, V& y) {
    y = 1.0f / (rest * scale + (scale + 1.0f));
  }
};
struct HyperbolicTangent {
  static constexpr float a = 2;
  template <class V>
  MPSNN_INLINE static void of(const V& scale, const V& rest, V& y) {
    const V less_one = rest * scale + (scale - 1.0f);  // e^2x - 1, exact near 0 too
    y = less_one / (less_one + 2.0f);
  }
};
template <class... F, class V>
MPSNN_INLINE void apply(V (&x)[sizeof...(F)]) {
  constexpr int K = sizeof...(F);
  constexpr float factors[] = {F::a...};
  Powers<V, K>::each([&](int k) { x[k] *= factors[k]; });
  const Powers<V, K> e(x);
  int k = 0;
  (..., (F::of(e.scale[k], e.rest[k], x[k]), ++k));
}

}  // namespace mpsnn::cpu
