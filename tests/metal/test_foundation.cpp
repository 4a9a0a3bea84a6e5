#include <chrono>
#include <cmath>
#include <numeric>
#include <thread>

#include "backend/metal/devices.hpp"
#include "cpp/check.hpp"
#include "metal/probe.hpp"
#include "metal_double/control.hpp"
#include "mpsnn/mpsnn.hpp"

using namespace mpsnn;

namespace {

std::vector<float> counted(const Shape& shape, int images) {
  std::vector<float> out(shape.size() * images);
  std::iota(out.begin(), out.end(), -7.0f);
  return out;
}

}  // namespace

TEST(values_of_any_shape_go_to_the_device_and_back) {
  for (DType format : {DType::float16, DType::float32})
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{3}, Shape{9}, Shape{5, 6}, Shape{1, 1, 1},
                               Shape{2, 3, 4}, Shape{4, 3, 5}, Shape{3, 2, 13}}) {
      const std::vector<float> values = counted(shape, 3);  // exact in float16
      CHECK(test::through_images(shape, format, 3, values, 2) == values);
    }
}

TEST(half_images_round_to_half) {
  const std::vector<float> values = {0.1f, 1e-8f, 65519.0f, 70000.0f, -2049.0f};
  const auto out = test::through_images({5}, DType::float16, 1, values);
  CHECK_EQUAL(out[0], 0.0999755859375f);
  CHECK_EQUAL(out[1], 0.0f);
  CHECK_EQUAL(out[2], 65504.0f);
  CHECK(std::isinf(out[3]));
  CHECK_EQUAL(out[4], -2048.0f);
}

TEST(images_are_made_once_and_released) {
  CHECK_EQUAL(test::live_images_of_a_batch(7), 7);
  CHECK_EQUAL(metal_double::live_images(), 0);
  CHECK_EQUAL(metal_double::live_devices(), 0);
  CHECK_EQUAL(test::first_images(3), 3);
}

TEST(what_is_no_image_is_refused_and_leaves_nothing_behind) {
  CHECK_THROWS(ShapeError, "metal: a value of four axes, (1, 2, 3, 4), is no image",
               test::through_images({1, 2, 3, 4}, DType::float32, 1, {}));
  CHECK_THROWS(ShapeError, "metal: images are float16 or float32, got int32",
               test::through_images({2}, DType::int32, 1, {}));
  CHECK_EQUAL(metal_double::live_images(), 0);
  CHECK_EQUAL(metal_double::live_devices(), 0);
}

TEST(command_buffers_run_in_order_and_no_more_than_asked_for_are_on_their_way) {
  for (int in_flight : {1, 2, 5}) {
    const test::Streamed found = test::stream_steps(200, in_flight, {});
    std::vector<int> all(200);
    std::iota(all.begin(), all.end(), 0);
    CHECK(found.ran == all);
    CHECK(found.errors == std::vector<std::string>(200));
    CHECK(found.most_in_flight <= in_flight);
  }
}

TEST(an_error_of_the_gpu_is_told_to_its_own_step_and_the_next_one_works) {
  const test::Streamed found = test::stream_steps(5, 2, {1, 3});
  CHECK((found.ran == std::vector<int>{0, 2, 4}));
  CHECK((found.errors ==
         std::vector<std::string>{"", "GPU error 1: planted", "", "GPU error 1: planted", ""}));
}

TEST(what_fails_while_it_is_encoded_gives_its_place_back) {
  const test::Streamed found = test::stream_steps(4, 1, {}, 1);
  CHECK((found.ran == std::vector<int>{0, 2, 3}));
  CHECK_EQUAL(found.errors.size(), 3u);
  CHECK_EQUAL(found.not_submitted, 1);
}

TEST(a_thousand_command_buffers_leave_nothing_behind) {
  CHECK_EQUAL(test::stream_steps(1000, 2, {}).ran.size(), 1000u);
  // The GPU's thread lets go of the last one after it has told that it is done.
  for (int i = 0; i < 1000 && metal_double::live_command_buffers(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  CHECK_EQUAL(metal_double::live_command_buffers(), 0);
  CHECK_EQUAL(metal_double::live_devices(), 0);
}

TEST(exceptions_of_both_languages_arrive) {
  CHECK_THROWS(DeviceError, "NSInvalidArgumentException: number 42", test::raise_in_objective_c());
  CHECK_THROWS(ShapeError, "thrown in a .mm file", test::throw_in_objective_c());
}

TEST(a_block_keeps_what_it_captured) { CHECK_EQUAL(test::captured_by_a_block(1234), 1234); }

TEST(the_gpu_with_memory_of_its_own_comes_first) {
  const std::vector<metal_double::Gpu> one = {{.name = "Stand-in", .unified_memory = true}};
  metal_double::set_gpus({{.name = "In the processor", .low_power = true, .unified_memory = true},
                          {.name = "Of the display", .memory = 4ull << 30},
                          {.name = "In a box", .headless = true, .removable = true},
                          {.name = "On a card", .headless = true}});
  std::vector<Device> found = devices();
  metal_double::set_gpus({});
  CHECK_EQUAL(devices().size(), backends().size() - 1);
  metal_double::set_gpus(one);

  CHECK_EQUAL(std::erase_if(found, [](const Device& d) { return d.backend != "metal"; }),
              backends().size() - 1);
  CHECK_EQUAL(found.size(), 4u);
  CHECK_EQUAL(found[0].name, "In a box");
  CHECK(found[0].kind == Device::Kind::external);
  CHECK_EQUAL(found[0].id, 102u);
  CHECK_EQUAL(found[1].name, "On a card");
  CHECK(found[1].kind == Device::Kind::discrete && found[1].headless);
  CHECK_EQUAL(found[2].name, "Of the display");
  CHECK_EQUAL(found[2].memory_bytes, 4ull << 30);
  CHECK_EQUAL(found[3].name, "In the processor");
  CHECK(found[3].kind == Device::Kind::integrated && found[3].low_power);
  CHECK_EQUAL(metal_double::live_devices(), 0);
}
