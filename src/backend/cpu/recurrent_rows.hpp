#pragma once

#include <cstddef>

#include "mpsnn/ops/neurons.hpp"

/// What the recurrent kernels do to n numbers next to each other. Null operands count as 0.
namespace mpsnn::cpu::rows {

/// a += b + c
void add(float* a, const float* b, const float* c, std::size_t n);
/// a += x * y
void add_product(float* a, const float* x, const float* y, std::size_t n);
/// y = f(x); in place too.
void activate(const Neuron& f, const float* x, float* y, std::size_t n);
/// d *= f'(...), which reads the result of f or x, as neuron::saves_result says.
void multiply_slope(const Neuron& f, const float* saved, float* d, std::size_t n);
/// y = x * z
void multiply(const float* x, const float* z, float* y, std::size_t n);

/// c = f c + i g, of the gates i, f, g one after the other.
void lstm_cell(const float* gates, float* c, std::size_t n);
/// The gradients of i, f and g, from that of the new c; c and dc are those of the step before.
void lstm_cell_gradient(const float* gates, const float* c, float* dc, float* dgates,
                        std::size_t n);

/// How the result of a Gru follows from z: y = u a + z b, with u = (1 - z^p)^(1/p), and a the
/// candidate and b the state before, or the other way round.
struct Mix {
  float power;
  bool flip;
};
/// h becomes the new state.
void gru_mix(const Mix& mix, const float* z, const float* candidate, float* h, std::size_t n);
/// dz and dcandidate from dh, which becomes the gradient of the state before as far as it comes
/// through the mix.
void gru_mix_gradient(const Mix& mix, const float* z, const float* candidate, const float* h,
                      float* dh, float* dz, float* dcandidate, std::size_t n);

}  // namespace mpsnn::cpu::rows
