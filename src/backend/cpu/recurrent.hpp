#pragma once

#include "backend/cpu/recurrent_cells.hpp"
#include "backend/cpu/recurrent_slabs.hpp"
#include "backend/kernel_backend.hpp"

/// Recurrent layers. The sums over steps are one matrix product each. Of the rest each thread runs
/// all steps of its own images, without waiting for the others.
namespace mpsnn::cpu {

using recurrent::Layout;

/// Floats from one row of a recurrent weight to the next in a copy of it: in products of few rows
/// of x, rows of 2^n floats would all fall into the same few sets of a cache.
inline Dim spread_stride(Dim width) { return width % 64 == 0 ? width + 16 : width; }

/// Copies row `from` of `data`, or zeros where there is none.
inline void copy_row(const float* data, Dim from, Dim width, float* to) {
  if (data && from >= 0)
    std::copy_n(data + from * width, width, to);
  else
    std::fill_n(to, width, 0.0f);
}

/// Zeros in the steps behind the end of each image.
inline void clear_ends(const Slabs& slabs, const Layout& g, Dim images, Dim width, float* out) {
  for (Dim n = 0; out && n < images; ++n)
    std::fill_n(out + (n * g.T + slabs.length(n)) * width, (g.T - slabs.length(n)) * width, 0.0f);
}

/// Calls f(first image, steps) for runs of a slab's images that are whole and side by side, or for
/// one: their steps follow each other.
template <class F>
void each_run(const Slab& slab, Dim T, const F& f) {
  for (Dim j = 0; j < slab.count();) {
    const Dim first = slab.images[j];
    Dim steps = slab.lengths[j++];
    const auto follows = [&] { return steps % T == 0 && slab.images[j] == first + steps / T; };
    while (j < slab.count() && follows()) steps += slab.lengths[j++];
    if (steps > 0) f(first, steps);
  }
}

/// Whether the node, whose inputs start at `first`, has a peephole that is a diagonal.
inline bool has_diagonal(const KernelContext& k, const Layout& g, int first) {
  return g.initial_c >= 0 && k.has_in(first + g.extra) && k.in(first + g.extra).rank() == 1;
}

/// Whether an Lstm, or its gradient, can have values of bfloat16: with the usual neurons, without
/// peephole, states that are given or handed out, and lengths. The rest is float32.
bool is_reduced_lstm(const Node& node);
Kernel reduced_lstm(KernelContext& k);
Kernel reduced_lstm_gradient(KernelContext& k);

/// Whether an Lstm, forward, is that of recurrent_few.cpp.
bool is_lstm_of_few(const KernelContext& k);
Kernel lstm_of_few(KernelContext& k);

Kernel rnn_gradient(KernelContext& k);
Kernel lstm_gradient(KernelContext& k);
Kernel gru_gradient(KernelContext& k);
Kernel mgu_gradient(KernelContext& k);

}  // namespace mpsnn::cpu
