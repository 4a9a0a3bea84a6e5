#pragma once

#include <algorithm>

#include "metal_double/graph.hpp"
#include "metal_double/neuron.hpp"

namespace metal_double {

/// One matrix or bias of a layer.
struct Part {
  MPSRNNMatrixId id;
  NSUInteger rows, columns;
  int input;  ///< Of the op: 1 weight, 2 recurrent weight, 3 bias, 4 peephole.
  int gate;   ///< Block of rows of it.
  std::vector<float> first;
  NSUInteger at = 0;  ///< In the layer's own order.

  NSUInteger size() const { return rows * columns; }
};

/// Where a row of a matrix is, `offset` bytes behind its own.
float* row(MPSMatrix* matrix, NSUInteger offset, NSUInteger r);

}  // namespace metal_double

/// A recurrent layer, with its weights in an order of its own: the last part first, each with rows
/// and columns changed over.
struct StandInRecurrent {
  mpsnn::Op op;
  NSUInteger in, out;
  int gates;
  std::vector<metal_double::Part> parts;
  NSUInteger total = 0;
  metal_double::Arithmetic arithmetic;

  void add(MPSRNNMatrixId id, NSUInteger rows, NSUInteger columns, int input, int gate,
           const float* values) {
    parts.push_back({id, rows, columns, input, gate, metal_double::floats(values, rows * columns)});
  }
  /// W, U and b of one gate, whose ids follow each other but for what is between.
  void add_gate(int gate, id<MPSCNNConvolutionDataSource> w, id<MPSCNNConvolutionDataSource> u,
                MPSRNNMatrixId wid, MPSRNNMatrixId uid, MPSRNNMatrixId bid) {
    if (w == nil || u == nil) metal_double::refuse(@"the stand-in has no gate without weights");
    for (id<MPSCNNConvolutionDataSource> source : {w, u}) {
      [source load];
      if ([source dataType] != MPSDataTypeFloat32)
        metal_double::refuse(@"the stand-in reads float32 weights");
    }
    add(wid, out, in, 1, gate, static_cast<const float*>([w weights]));
    add(uid, out, out, 2, gate, static_cast<const float*>([u weights]));
    add(bid, 1, out, 3, gate, [w biasTerms]);
    [w purge];
    [u purge];
  }
  void place() {
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
      part->at = total;
      total += part->size();
    }
  }
  const metal_double::Part& part(MPSRNNMatrixId id) const {
    for (const metal_double::Part& p : parts)
      if (p.id == id) return p;
    metal_double::refuse(@"this layer has no matrix %d", (int)id);
  }
  /// Weights of the op, in its order.
  std::vector<metal_double::Tensor> operands(const float* weights) const {
    std::vector<metal_double::Tensor> all(4);
    const auto g = static_cast<mpsnn::Dim>(gates), o = static_cast<mpsnn::Dim>(out),
               i = static_cast<mpsnn::Dim>(in);
    all[0] = {{g * o, i}, 0, std::vector<float>(g * o * i)};
    all[1] = {{g * o, o}, 0, std::vector<float>(g * o * o)};
    all[2] = {{g * o}, 0, std::vector<float>(g * o)};
    for (const metal_double::Part& p : parts) {
      metal_double::Tensor& to = all[p.input - 1];
      if (to.values.empty())
        to = {p.columns == 1 || p.rows == 1 ? mpsnn::Shape{g * o} : mpsnn::Shape{g * o, o}, 0,
              std::vector<float>(g * p.size())};
      each(p, [&](NSUInteger own, NSUInteger at) {
        to.values[p.gate * p.size() + own] = weights[at];
      });
    }
    if (all[3].values.empty()) all.resize(3);
    return all;
  }
  /// f(place in rows and columns, place in the layer's own memory).
  template <class F>
  void each(const metal_double::Part& p, F f) const {
    for (NSUInteger r = 0; r < p.rows; ++r)
      for (NSUInteger c = 0; c < p.columns; ++c) f(r * p.columns + c, p.at + c * p.rows + r);
  }
};
