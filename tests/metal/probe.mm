#include "metal/probe.hpp"

#import <Metal/Metal.h>

#include "backend/metal/guard.hpp"
#include "backend/metal/image_batch.hpp"
#include "metal_double/control.hpp"
#include "mpsnn/errors.hpp"

namespace mpsnn::test {

using metal::adopt;
using metal::guarded;
using metal::ImageBatch;

std::vector<float> through_images(const Shape& shape, DType format, int images,
                                  const std::vector<float>& values, int times) {
  std::vector<float> out(values.size());
  guarded([&] {
    ImageBatch batch(adopt(MTLCreateSystemDefaultDevice()).get(), shape, format, images);
    for (int i = 0; i < times; ++i) {
      batch.write(values.data(), images);
      batch.read(out.data(), images);
    }
  });
  return out;
}

int live_images_of_a_batch(int images) {
  int live = 0;
  guarded([&] {
    const auto device = adopt(MTLCreateSystemDefaultDevice());
    const ImageBatch batch(device, {2, 2, 3}, DType::float32, images);
    live = metal_double::live_images();
  });
  return live;
}

int first_images(int count) {
  int found = 0;
  guarded([&] {
    const auto device = adopt(MTLCreateSystemDefaultDevice());
    const ImageBatch batch(device, {2, 2, 3}, DType::float32, 4);
    found = static_cast<int>([batch.first(count).get() count]);
  });
  return found;
}

void raise_in_objective_c() {
  guarded([] { [NSException raise:NSInvalidArgumentException format:@"number %d", 42]; });
}

void throw_in_objective_c() {
  guarded([] { throw ShapeError("thrown in a .mm file"); });
}

int captured_by_a_block(int value) {
  int out = 0;
  guarded([&] {
    NSMutableArray* kept = [NSMutableArray array];
    {
      NSString* text = [[NSString alloc] initWithFormat:@"%d", value];
      int (^block)(void) = ^{
        return [text intValue];
      };
      [kept addObject:[[block copy] autorelease]];
      [text release];
    }
    int (^again)(void) = [kept objectAtIndex:0];
    out = again();
  });
  return out;
}

}  // namespace mpsnn::test
