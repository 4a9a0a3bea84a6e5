#pragma once

#include <string>
#include <vector>

#include "mpsnn/shape.hpp"

/// What the tests do with Objective-C: a test catches C++ exceptions, and so is no .mm file.
namespace mpsnn::test {

/// `values` of `images` images of this shape, written to a device's images and read again, `times`
/// over in the same images.
std::vector<float> through_images(const Shape& shape, DType format, int images,
                                  const std::vector<float>& values, int times = 1);
/// Objects alive while a batch of so many images is.
int live_images_of_a_batch(int images);
/// What the first `count` images of a batch of 4 are counted as.
int first_images(int count);

/// What `steps` command buffers did, those in `faults` failing on the GPU, and the one numbered
/// `thrown`, if any, while it is encoded.
struct Streamed {
  std::vector<int> ran;             ///< Steps whose work the GPU did, in order.
  std::vector<std::string> errors;  ///< What `done` was told, in order.
  int most_in_flight = 0;
  int not_submitted = 0;
};
Streamed stream_steps(int steps, int in_flight, const std::vector<int>& faults, int thrown = -1);

void raise_in_objective_c();
void throw_in_objective_c();
/// Blocks that outlive their function, and what they captured.
int captured_by_a_block(int value);

}  // namespace mpsnn::test
