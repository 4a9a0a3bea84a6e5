#pragma once

#include "mpsnn/ops/neurons.hpp"

/// Layers over the steps of a sequence, x (T, I) -> y (T, H), each step from its input and the
/// state h (H) that the step before left. Common to all, with G gates:
///   x (T, I), weight (G * H, I), recurrent_weight (G * H, H), bias (G * H)?,
///   initial_h (H)?, one per image, 0 if absent; lengths ()?, whole numbers from 0 to T
///     ->  y (T, H), h (H) after the last step, gates (T, S), what the gradient needs
/// The rows of the gates are stacked in the order of the equations. `reverse` runs from the last
/// step to the first; y keeps the order of x. An image of length L has its steps 0 to L - 1: y
/// and dx are 0 behind them, and no work is done there. h and the c of an Lstm are differentiable
/// as y is. Gradients of weights are sums over steps and batch.
///
/// A neuron of a gate must be one whose slope follows from its result: linear, relu, relu_n,
/// sigmoid, hard_sigmoid, tanh, elu, exponential or clamp.
namespace mpsnn {

inline constexpr Neuron sigmoid_neuron{Neuron::Kind::sigmoid};
inline constexpr Neuron tanh_neuron{Neuron::Kind::tanh, 1, 1};

/// h' = neuron(W x + U h + b). G = 1; no `gates`.
struct Rnn {
  Neuron neuron = tanh_neuron;
  bool reverse = false;
  static const OpSpec& spec();
};

/// Hochreiter & Schmidhuber 1997, Gers et al. 2000. G = 4, S = 4 H:
///   I = input_gate(Wi x + Ui h + Vi c + bi)
///   F = forget_gate(Wf x + Uf h + Vf c + bf)
///   C = cell_gate(Wc x + Uc h + Vc c + bc)         c' = F c + I C
///   O = output_gate(Wo x + Uo h + Vo c' + bo)      h' = O hidden(c')
/// Further inputs: peephole V, (4 * H) on the diagonal or (4 * H, H), 0 if absent; initial_c (H).
/// Further outputs: c (H) after the last step; cells (T, H).
struct Lstm {
  Neuron input_gate = sigmoid_neuron;
  Neuron forget_gate = sigmoid_neuron;
  Neuron cell_gate = tanh_neuron;
  Neuron output_gate = sigmoid_neuron;
  Neuron hidden = tanh_neuron;  ///< Of any kind.
  bool reverse = false;
  static const OpSpec& spec();
};

/// Cho et al. 2014. G = 3, S = 3 H:
///   z = update_gate(Wz x + Uz h + bz)      r = reset_gate(Wr x + Ur h + br)
///   n = candidate(Wn x + Un (r h) + bn)    h' = (1 - z^p)^(1/p) n + z h
/// `reset_after`: n = candidate(Wn x + r (Un h + recurrent_bias) + bn), as PyTorch, cuDNN and
/// Keras have it; recurrent_bias (H)? is then another input, and S = 4 H with Un h +
/// recurrent_bias. `flip`: h' = (1 - z^p)^(1/p) h + z n.
struct Gru {
  Neuron update_gate = sigmoid_neuron;
  Neuron reset_gate = sigmoid_neuron;
  Neuron candidate = tanh_neuron;
  float power = 1;  ///< p
  bool flip = false;
  bool reset_after = false;
  bool reverse = false;
  static const OpSpec& spec();
};

/// A Gru whose z is its r too: Zhou et al. 2016, there with `flip`. G = 2, S = 2 H.
struct Mgu {
  Neuron update_gate = sigmoid_neuron;
  Neuron candidate = tanh_neuron;
  float power = 1;  ///< p
  bool flip = false;
  bool reverse = false;
  static const OpSpec& spec();
};

using RecurrentOps = OpList<Rnn, Lstm, Gru, Mgu>;

}  // namespace mpsnn
