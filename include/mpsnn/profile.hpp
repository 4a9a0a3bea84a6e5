#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mpsnn/backend.hpp"

namespace mpsnn {

/// What a node has to do, by its meaning and the shapes. A kernel may do more, or less.
struct Work {
  /// Two per multiply-add of the matrix products in convolutions, dense layers, matmul,
  /// gram_matrix and the recurrent ops; a gradient node counts those of each gradient that it
  /// computes. All other arithmetic is small beside memory, and is not counted.
  std::uint64_t flops = 0;
  /// Of the values that it reads and writes, each once, as they are stored; 0 for a view, and
  /// for what a concat finds in its place.
  std::uint64_t bytes = 0;
  /// What its products read: a reduced type if any value beside the node has one, else float32.
  DType dtype = DType::float32;
};

/// @param images  What the executable was compiled for: padding costs the same.
/// @param floating  What a session stores float32 as.
Work work(const Graph& graph, const Node& node, int images, DType floating = DType::float32);

/// A node that ran.
struct NodeProfile {
  std::string text;   ///< Its line in the printed graph.
  std::string op;     ///< Such as "conv2d", or "conv2d_gradient".
  std::string label;  ///< Its own, or that of the node whose gradient it is.
  std::string implementation;
  std::vector<double> seconds;  ///< Of each call.
  Work work;                    ///< Of one call.
};

struct Profile {
  std::vector<NodeProfile> nodes;  ///< In the order in which they run.
  std::vector<double> seconds;     ///< Of each run, from its first node to the end of its last.
};

/// Rehearses `runs` runs of an executable that was compiled for `batch` images, and says what its
/// nodes took. Changes no variable. The first run after a compile is slower than those behind it.
/// @throws as Executable::rehearse.
Profile profile(Executable& executable, const Bindings& bindings, int batch, int runs);

}  // namespace mpsnn
