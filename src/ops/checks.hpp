#pragma once

#include "ops/op_spec.hpp"

/// Checks that several ops share. All throw ShapeError naming the op and argument.
namespace mpsnn {

/// Whether an optional input is there: `infer` sees TensorDesc{} where it is not.
inline bool given(const TensorDesc& input) { return input != absent; }

/// The shape of an input that must be float32, ...
const Shape& floating(const Op& op, std::string_view argument, const TensorDesc& input);
/// ... have one value per image, ...
const Shape& batched(const Op& op, std::string_view argument, const TensorDesc& input);
/// ... or have no batch axis, as parameters and states.
const Shape& unbatched(const Op& op, std::string_view argument, const TensorDesc& input);

/// That an input without a batch axis has the shape `want`, which is that of `of`.
void require_like(const Op& op, std::string_view argument, const TensorDesc& input,
                  const Shape& want, std::string_view of);

/// That inputs 1 to the last are as input 0, by the names of the op's spec.
void check_like_first(const Op& op, std::span<const TensorDesc> in);

/// " activation=relu" for a fused neuron, with its attributes; else nothing.
std::string print(const Activation& activation);

/// That 0 <= value < 1.
void require_fraction(const Op& op, std::string_view argument, float value);
/// That value > 0 and is finite.
void require_positive(const Op& op, std::string_view argument, float value);

}  // namespace mpsnn
