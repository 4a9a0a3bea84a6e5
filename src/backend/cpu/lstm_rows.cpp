#include "backend/cpu/lstm_rows.hpp"

#include <algorithm>

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/simd.hpp"
#include "backend/cpu/vector_math.hpp"

namespace mpsnn::cpu::rows {
namespace {

/// The gates i, f, g, o, the cell and the state.
template <class V>
struct After {
  V gates[4], c, h;
};

template <class V, class T, bool has_b, bool keep>
MPSNN_SIMD void run(const LstmStep<T>& s, std::size_t H, std::size_t n) {
  each_lanes<V, After<V>>(
      n,
      [&](std::size_t i, After<V>& after) MPSNN_INLINE_LAMBDA {
#pragma GCC unroll 4
        for (int gate = 0; gate < 4; ++gate) {
          const std::size_t at = gate * H + i;
          V a, b{}, bias;
          load(s.a + at, a);
          load(s.bias + at, bias);
          if (has_b) load(s.b + at, b);
          after.gates[gate] = has_b ? a + b + bias : a + bias;
        }
        apply<Logistic, Logistic, HyperbolicTangent, Logistic>(after.gates);
        V before, squashed[1];
        load(s.c + i, before);
        after.c = after.gates[1] * before + after.gates[0] * after.gates[2];
        squashed[0] = after.c;
        apply<HyperbolicTangent>(squashed);
        after.h = after.gates[3] * squashed[0];
      },
      [&](std::size_t i, const After<V>& after) MPSNN_INLINE_LAMBDA {
#pragma GCC unroll 4
        for (int gate = 0; keep && gate < 4; ++gate)
          store(after.gates[gate], s.gates + gate * H + i);
        store(after.c, s.c + i);
        store(after.h, s.h + i);
      });
}

/// The gradients of the gates and of the cell before.
template <class V>
struct Before {
  V da[4], dc;
};

template <class V, class T, bool has_past>
MPSNN_SIMD void run(const LstmStepGradient<T>& s, std::size_t H) {
  each_lanes<V, Before<V>>(
      H,
      [&](std::size_t i, Before<V>& before) MPSNN_INLINE_LAMBDA {
        V gates[4], past{}, dh, dc, squashed[1];
#pragma GCC unroll 4
        for (int gate = 0; gate < 4; ++gate) load(s.gates + gate * H + i, gates[gate]);
        load(s.c + i, squashed[0]);
        if (has_past) load(s.past + i, past);
        load(s.dh + i, dh);
        load(s.dc + i, dc);
        apply<HyperbolicTangent>(squashed);
        const V &in = gates[0], &forget = gates[1], &cell = gates[2], &out = gates[3];
        dc += dh * out * (1 - squashed[0] * squashed[0]);
        before.da[0] = dc * cell * (in * (1 - in));
        before.da[1] = dc * past * (forget * (1 - forget));
        before.da[2] = dc * in * (1 - cell * cell);
        before.da[3] = dh * squashed[0] * (out * (1 - out));
        before.dc = dc * forget;
      },
      [&](std::size_t i, const Before<V>& before) MPSNN_INLINE_LAMBDA {
#pragma GCC unroll 4
        for (int gate = 0; gate < 4; ++gate) store(before.da[gate], s.da + gate * H + i);
        store(before.dc, s.dc + i);
      });
}

template <class T>
void dispatch(const LstmStep<T>& s, std::size_t H, std::size_t n) {
  with_lanes([&]<class V>(std::type_identity<V>) {
    if (s.b) return s.gates ? run<V, T, true, true>(s, H, n) : run<V, T, true, false>(s, H, n);
    return s.gates ? run<V, T, false, true>(s, H, n) : run<V, T, false, false>(s, H, n);
  });
}
template <class T>
void dispatch(const LstmStepGradient<T>& s, std::size_t H) {
  with_lanes([&]<class V>(std::type_identity<V>) {
    s.past ? run<V, T, true>(s, H) : run<V, T, false>(s, H);
  });
}

/// `count` times n numbers, n < lanes, each with zeros behind it; null stays null. They lie
/// `apart`.
template <class T, int count>
class Widened {
 public:
  Widened(const T* from, std::size_t n, std::size_t apart) : n_(n), apart_(apart), wide_(from) {
    for (int i = 0; from && i < count; ++i) std::copy_n(from + i * apart, n, data_ + i * lanes);
  }
  T* get() { return wide_ ? data_ : nullptr; }
  void back(T* to) const {
    for (int i = 0; to && i < count; ++i) std::copy_n(data_ + i * lanes, n_, to + i * apart_);
  }

 private:
  std::size_t n_, apart_;
  bool wide_;
  T data_[count * lanes] = {};
};

}  // namespace

template <class T>
void lstm(const LstmStep<T>& s, std::size_t H, std::size_t n) {
  if (n >= lanes) return dispatch(s, H, n);
  Widened<float, 4> a(s.a, n, H), b(s.b, n, H), bias(s.bias, n, H), gates(s.gates, n, H);
  Widened<float, 1> c(s.c, n, H);
  Widened<T, 1> h(s.h, n, H);
  dispatch(LstmStep<T>{a.get(), b.get(), bias.get(), c.get(), h.get(), gates.get()}, lanes, lanes);
  c.back(s.c);
  h.back(s.h);
  gates.back(s.gates);
}

template <class T>
void lstm_gradient(const LstmStepGradient<T>& s, std::size_t H) {
  if (H >= lanes) return dispatch(s, H);
  Widened<float, 4> gates(s.gates, H, H);
  Widened<float, 1> c(s.c, H, H), past(s.past, H, H), dh(s.dh, H, H), dc(s.dc, H, H);
  Widened<T, 4> da(s.da, H, H);
  dispatch(LstmStepGradient<T>{gates.get(), c.get(), past.get(), dh.get(), dc.get(), da.get()},
           lanes);
  dc.back(s.dc);
  da.back(s.da);
}

template void lstm(const LstmStep<float>&, std::size_t, std::size_t);
template void lstm(const LstmStep<BFloat16>&, std::size_t, std::size_t);
template void lstm_gradient(const LstmStepGradient<float>&, std::size_t);
template void lstm_gradient(const LstmStepGradient<BFloat16>&, std::size_t);

}  // namespace mpsnn::cpu::rows
