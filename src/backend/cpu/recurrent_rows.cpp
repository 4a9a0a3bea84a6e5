#include "backend/cpu/recurrent_rows.hpp"

#include "backend/cpu/simd.hpp"
#include "backend/cpu/vector_math.hpp"
#include "ops/neuron_terms.hpp"
#include "ops/recurrent.hpp"

namespace mpsnn::cpu::rows {
namespace {

MPSNN_SIMD void add_one(float* a, const float* b, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) a[i] += b[i];
}

MPSNN_SIMD void add_two(float* a, const float* b, const float* c, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) a[i] += b[i] + c[i];
}

/// y = F(x), n numbers; in place too.
template <class V, class F>
MPSNN_SIMD void map(const float* x, float* y, std::size_t n) {
  V at[1] = {};
  if (n < lanes_of<V>) {
    std::memcpy(at, x, n * sizeof *x);
    apply<F>(at);
    std::memcpy(y, at, n * sizeof *y);
    return;
  }
  each_lanes<V, V[1]>(
      n,
      [&](std::size_t i, V(&result)[1]) MPSNN_INLINE_LAMBDA {
        load(x + i, result[0]);
        apply<F>(result);
      },
      [&](std::size_t i, const V(&result)[1]) MPSNN_INLINE_LAMBDA { store(result[0], y + i); });
}

template <class F>
void map(const float* x, float* y, std::size_t n) {
  with_lanes([&]<class V>(std::type_identity<V>) { map<V, F>(x, y, n); });
}

MPSNN_SIMD void sigmoid_slope(const float* y, float* d, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) d[i] *= y[i] * (1 - y[i]);
}

MPSNN_SIMD void tanh_slope(const float* y, float* d, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) d[i] *= 1 - y[i] * y[i];
}

MPSNN_SIMD void mix_linear(const float* z, const float* a, const float* b, float* y,
                           std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) y[i] = a[i] + z[i] * (b[i] - a[i]);
}

MPSNN_SIMD void mix_linear_gradient(const float* z, const float* a, const float* b, float* dy,
                                    float* dz, float* da, float* db, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) {
    const float d = dy[i];
    dz[i] = d * (b[i] - a[i]);
    da[i] = d * (1 - z[i]);
    db[i] = d * z[i];
  }
}

constexpr Neuron plain_tanh{Neuron::Kind::tanh, 1, 1};

}  // namespace

void add(float* a, const float* b, const float* c, std::size_t n) {
  if (b && c) return add_two(a, b, c, n);
  if (b || c) add_one(a, b ? b : c, n);
}

MPSNN_SIMD void add_product(float* a, const float* x, const float* y, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) a[i] += x[i] * y[i];
}

MPSNN_SIMD void multiply(const float* x, const float* z, float* y, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) y[i] = x[i] * z[i];
}

void activate(const Neuron& f, const float* x, float* y, std::size_t n) {
  if (f.kind == Neuron::Kind::sigmoid) return map<Logistic>(x, y, n);
  if (f == plain_tanh) return map<HyperbolicTangent>(x, y, n);
  neuron::with_term<float>(f, [&](auto term) {
    for (std::size_t i = 0; i < n; ++i) y[i] = term.value(x[i]);
  });
}

void multiply_slope(const Neuron& f, const float* saved, float* d, std::size_t n) {
  if (f.kind == Neuron::Kind::sigmoid) return sigmoid_slope(saved, d, n);
  if (f == plain_tanh) return tanh_slope(saved, d, n);
  neuron::with_term<float>(f, [&](auto term) {
    for (std::size_t i = 0; i < n; ++i) d[i] *= term.slope(saved[i]);
  });
}

MPSNN_SIMD void lstm_cell(const float* gates, float* c, std::size_t n) {
  const float *in = gates, *forget = gates + n, *cell = gates + 2 * n;
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) c[i] = forget[i] * c[i] + in[i] * cell[i];
}

MPSNN_SIMD void lstm_cell_gradient(const float* gates, const float* c, float* dc, float* dgates,
                                   std::size_t n) {
  const float *in = gates, *forget = gates + n, *cell = gates + 2 * n;
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) {
    const float d = dc[i];
    dgates[i] = d * cell[i];
    dgates[n + i] = c ? d * c[i] : 0;
    dgates[2 * n + i] = d * in[i];
    dc[i] = d * forget[i];
  }
}

void gru_mix(const Mix& mix, const float* z, const float* candidate, float* h, std::size_t n) {
  const float *a = mix.flip ? h : candidate, *b = mix.flip ? candidate : h;
  if (mix.power == 1) return mix_linear(z, a, b, h, n);
  const recurrent::Complement<float> u{mix.power};
  for (std::size_t i = 0; i < n; ++i) h[i] = u.value(z[i]) * a[i] + z[i] * b[i];
}

void gru_mix_gradient(const Mix& mix, const float* z, const float* candidate, const float* h,
                      float* dh, float* dz, float* dcandidate, std::size_t n) {
  const float *a = mix.flip ? h : candidate, *b = mix.flip ? candidate : h;
  float *da = mix.flip ? dh : dcandidate, *db = mix.flip ? dcandidate : dh;
  if (mix.power == 1) return mix_linear_gradient(z, a, b, dh, dz, da, db, n);
  const recurrent::Complement<float> u{mix.power};
  for (std::size_t i = 0; i < n; ++i) {
    const float d = dh[i];
    dz[i] = d * (u.slope(z[i]) * a[i] + b[i]);
    da[i] = d * u.value(z[i]);
    db[i] = d * z[i];
  }
}

}  // namespace mpsnn::cpu::rows
