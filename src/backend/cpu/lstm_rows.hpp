#pragma once

#include <cstddef>

#include "mpsnn/ops/recurrent.hpp"

/// A step of an Lstm with the usual neurons in one pass over its H numbers for each gate. T is
/// float or BFloat16.
namespace mpsnn::cpu::rows {

inline bool has_usual_neurons(const Lstm& op) {
  return op.input_gate == sigmoid_neuron && op.forget_gate == sigmoid_neuron &&
         op.cell_gate == tanh_neuron && op.output_gate == sigmoid_neuron &&
         op.hidden == tanh_neuron;
}

/// Of one image.
template <class T>
struct LstmStep {
  const float* a;     ///< (4 H): W x, or with U h, of the state before, in it.
  const float* b;     ///< (4 H): U h, or null.
  const float* bias;  ///< (4 H)
  float* c;           ///< (H): the cell before the step; becomes that after it.
  T* h;               ///< (H): the state after the step.
  float* gates;       ///< (4 H): what is saved of them, `a` too; or null.
};
/// Of `n` numbers for each gate; those of the next gate are H further on.
template <class T>
void lstm(const LstmStep<T>& step, std::size_t H, std::size_t n);
template <class T>
void lstm(const LstmStep<T>& step, std::size_t H) {
  lstm(step, H, H);
}

template <class T>
struct LstmStepGradient {
  const float* gates;     ///< (4 H)
  const float *c, *past;  ///< (H): the cell after the step, and before it; null where that was 0.
  const float* dh;        ///< (H): of the state after the step.
  float* dc;              ///< (H): of the cell after the step; becomes that of the one before it.
  T* da;                  ///< (4 H): of W x.
};
template <class T>
void lstm_gradient(const LstmStepGradient<T>& step, std::size_t H);

}  // namespace mpsnn::cpu::rows
