#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mpsnn/errors.hpp"
#include "mpsnn/graph.hpp"

namespace mpsnn {

/// The multiply-adds of an op's matrix products, for a number of images.
struct MultiplyAdds {
  std::uint64_t y = 0;
  /// Of each gradient, as OpSpec::gradients has them; 0 for those that are missing at the end.
  std::vector<std::uint64_t> gradients = {};
  std::uint64_t any_gradient = 0;  ///< More that a gradient node does, whatever is wanted.
};

/// Everything about an op that is not a kernel.
struct OpSpec {
  std::string_view name;
  /// "bias?" may be absent; "x*", as the only one, is any number.
  std::vector<std::string_view> inputs;
  /// The first is what Graph::add returns, and is there in every forward node that has inputs.
  /// `infer` may describe fewer; the rest are absent, and so is what nobody reads.
  std::vector<std::string_view> outputs;
  /// Inputs and outputs its gradient node reads besides dy.
  std::vector<std::string_view> saved = {};
  /// Inputs it is differentiable in; empty: stops gradients.
  std::vector<std::string_view> gradients = {};
  std::vector<TensorDesc> (*infer)(const Op& op, std::span<const TensorDesc> inputs) = nullptr;
  /// " stride=(1, 1) groups=2", for print. Null: it has none.
  std::string (*attributes)(const Op& op) = nullptr;
  /// What the gradient node has to know of the inputs' shapes. Null: nothing.
  Op (*gradient_op)(const Op& op, std::span<const TensorDesc> inputs) = nullptr;
  /// Null: its arithmetic is not that of a matrix product. Of the inputs, those that are absent
  /// from a gradient node are `absent` here unless it writes their gradient.
  MultiplyAdds (*multiply_adds)(const Op& op, std::span<const TensorDesc> inputs,
                                const TensorDesc& y, int images) = nullptr;
  /// Outputs besides the first from which gradients reach the inputs. The gradient node reads
  /// theirs behind what is saved; each may be absent, dy too, but not all.
  std::vector<std::string_view> further_dy = {};
  /// The first output may overwrite an input, by position: of the forward node ...
  std::vector<int> in_place = {};
  /// ... and of the gradient node (0 is dy).
  std::vector<int> gradient_in_place = {};
  /// y is the memory of input 0 under another name, whoever else reads it.
  bool view = false;
  /// The gradient of each input is dy itself, reshaped where needed: no gradient node.
  bool passes_gradient = false;
  /// The first so many inputs are variables that the node writes; it is never dead.
  int writes = 0;
};

/// What `infer` sees in the place of an optional input that was left out: no value is like it.
inline const TensorDesc absent{{}, DType::int32, false};

const OpSpec& spec(const Op& op);

/// @throws ShapeError "conv2d: <message>" unless `ok`.
void require(bool ok, const Op& op, std::string_view message);

}  // namespace mpsnn
