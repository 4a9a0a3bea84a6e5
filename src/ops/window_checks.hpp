#pragma once

#include "ops/checks.hpp"
#include "ops/window.hpp"

/// What convolution and pooling check and print alike.
namespace mpsnn {

/// That 1 <= value <= 2^20 on both axes, so that no sum or product of sizes overflows a Dim.
void require_size(const Op& op, std::string_view argument, Size2 value);
/// That the four extents of a fixed padding are 0 to 2^20.
void require_padding(const Op& op, const Padding& padding);
/// The shape of an image, (H, W, C) with a batch axis.
const Shape& image(const Op& op, std::string_view argument, const TensorDesc& input);

std::ostream& operator<<(std::ostream& out, Size2 size);
std::ostream& operator<<(std::ostream& out, const Padding& padding);

}  // namespace mpsnn
