#include "metal/probe.hpp"

#import <Metal/Metal.h>

#include <mutex>

#include "backend/metal/guard.hpp"
#include "backend/metal/image_batch.hpp"
#include "backend/metal/stream.hpp"
#include "metal_double/command_buffer.hpp"
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

Streamed stream_steps(int steps, int in_flight, const std::vector<int>& faults, int thrown) {
  Streamed out;
  std::mutex mutex;
  int flying = 0;
  for (int fault : faults) metal_double::fail_command_buffer(fault, "planted");
  const auto submit = [&](metal::Stream& stream, int step) {
    stream.submit(
        [&](id<MTLCommandBuffer> buffer) {
          if (step == thrown) throw ShapeError("while encoding");
          const std::lock_guard lock(mutex);
          out.most_in_flight = std::max(out.most_in_flight, ++flying);
          [(id<StandInEncoding>)buffer encode:[&out, &mutex, step] {
            const std::lock_guard inner(mutex);
            out.ran.push_back(step);
          }];
        },
        [&](const std::string& error) {
          const std::lock_guard lock(mutex);
          --flying;
          out.errors.push_back(error);
        });
  };
  guarded([&] {
    const auto device = adopt(MTLCreateSystemDefaultDevice());
    metal::Stream stream(device, in_flight);
    for (int step = 0; step < steps; ++step) {
      std::exception_ptr error;
      auto one = [&] { submit(stream, step); };
      metal::capture([](void* f) { (*static_cast<decltype(one)*>(f))(); }, &one, error);
      out.not_submitted += error != nullptr;
    }
  });
  return out;
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
