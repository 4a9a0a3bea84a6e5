#include <algorithm>
#include <array>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "cpp/check.hpp"
#include "mpsnn/mpsnn.hpp"

using namespace mpsnn;

namespace {

/// `size` images of 2 x 3 pixels; image i holds 10 i, 10 i + 1, ..., and its label is i.
struct Numbered {
  explicit Numbered(int size) : images(size * 6), labels(size) {
    for (int i = 0; i < size * 6; ++i) images[i] = static_cast<float>(i / 6 * 10 + i % 6);
    std::iota(labels.begin(), labels.end(), 0);
  }
  Dataset dataset() const {
    return {.size = static_cast<int>(labels.size()),
            .shape = {2, 3, 1},
            .images = {images.data(), DType::float32, images.size()},
            .label_shape = {},
            .labels = {labels.data(), DType::int32, labels.size()}};
  }
  std::vector<float> images;
  std::vector<std::int32_t> labels;
};

std::vector<std::int32_t> labels_of(const LoadedBatch& batch) {
  const auto* labels = static_cast<const std::int32_t*>(batch.labels.data);
  return {labels, labels + batch.images};
}

const float* image_of(const LoadedBatch& batch, int i) {
  return static_cast<const float*>(batch.inputs.data) + std::ptrdiff_t{6} * i;
}

/// The labels of what is left of an epoch, in its order.
std::vector<std::int32_t> rest(Epoch epoch) {
  std::vector<std::int32_t> out;
  while (const auto batch = epoch.next()) {
    const auto labels = labels_of(*batch);
    out.insert(out.end(), labels.begin(), labels.end());
  }
  return out;
}

TEST(an_epoch_has_every_image_once_with_its_label_and_the_rest_last) {
  const Numbered data(10);
  const Loader loader(data.dataset(), {.batch = 4});
  CHECK_EQUAL(loader.batches(), 3);
  std::set<int> seen;
  std::vector<int> sizes;
  Epoch epoch = loader.epoch(0);
  while (const auto batch = epoch.next()) {
    sizes.push_back(batch->images);
    const auto labels = labels_of(*batch);
    for (int i = 0; i < batch->images; ++i) {
      seen.insert(labels[i]);
      CHECK(std::equal(image_of(*batch, i), image_of(*batch, i) + 6, &data.images[labels[i] * 6]));
    }
  }
  CHECK(sizes == (std::vector<int>{4, 4, 2}));
  CHECK_EQUAL(seen.size(), 10u);
  CHECK(!epoch.next());  // still at the end
}

TEST(the_order_depends_on_seed_and_epoch_alone) {
  const Numbered data(50);
  const auto order = [&](std::uint64_t seed, std::uint64_t epoch, int batch, int prefetch) {
    return rest(
        Loader(data.dataset(), {.batch = batch, .seed = seed, .prefetch = prefetch}).epoch(epoch));
  };
  const auto first = order(3, 7, 8, 2);
  CHECK(first == shuffled(50, 3, 7));
  CHECK(first == order(3, 7, 13, 5));
  CHECK(first != order(3, 8, 8, 2));
  CHECK(first != order(4, 7, 8, 2));
  CHECK(order(std::uint64_t{1} << 32, 0, 8, 2) != order(0, 0, 8, 2));
  CHECK(order(0, std::uint64_t{1} << 32, 8, 2) != order(0, 0, 8, 2));
}

TEST(an_epoch_can_begin_at_any_batch_and_leave_out_a_smaller_last_one) {
  const Numbered data(10);
  const Loader loader(data.dataset(), {.batch = 4, .shuffle = false, .drop_last = true});
  CHECK(rest(loader.epoch(0)) == (std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  CHECK(rest(loader.epoch(0, 1)) == (std::vector<std::int32_t>{4, 5, 6, 7}));
  CHECK(rest(loader.epoch(0, 2)).empty());
  CHECK_THROWS(ShapeError, "first must be 0 to 2, got 3", loader.epoch(0, 3));
}

TEST(batches_that_are_kept_stay_as_they_are_and_outlive_their_epoch) {
  const Numbered data(40);
  std::vector<LoadedBatch> kept;
  {
    Epoch epoch = Loader(data.dataset(), {.batch = 2, .shuffle = false}).epoch(0);
    while (auto batch = epoch.next()) kept.push_back(*std::move(batch));
  }
  for (int i = 0; i < 20; ++i) CHECK_EQUAL(image_of(kept[i], 1)[5], float(20 * i + 15));
}

TEST(memory_of_a_batch_that_was_let_go_is_used_again) {
  const Numbered data(200);
  std::set<const void*> places;
  Epoch epoch = Loader(data.dataset(), {.batch = 2}).epoch(0);
  while (const auto batch = epoch.next()) places.insert(batch->inputs.data);
  // Two that wait, one that is being prepared and the caller's.
  CHECK(places.size() <= 4);
}

TEST(an_epoch_may_end_while_its_thread_is_at_work_or_waits) {
  const Numbered data(3000);
  const Loader loader(data.dataset(), {.batch = 100});
  for (int i = 0; i < 50; ++i) {
    Epoch epoch = loader.epoch(i);
    for (int taken = 0; taken < i % 5; ++taken) CHECK(epoch.next());
  }
}

TEST(several_threads_may_take_from_one_epoch) {
  const Numbered data(1000);
  Epoch epoch = Loader(data.dataset(), {.batch = 7}).epoch(0);
  std::array<std::vector<std::int32_t>, 3> taken;
  std::vector<std::thread> threads;
  for (auto& mine : taken) {
    threads.emplace_back([&] {
      while (const auto batch = epoch.next())
        for (std::int32_t label : labels_of(*batch)) mine.push_back(label);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::int32_t> seen;
  for (const auto& mine : taken) seen.insert(mine.begin(), mine.end());
  CHECK_EQUAL(seen.size(), 1000u);
}

TEST(what_fails_on_the_thread_comes_out_of_next_every_time) {
  // A batch that no machine has memory for; no image of it is read.
  const char nothing = 0;
  constexpr int size = 1024;
  const Shape huge{Dim{1} << 30, 16};
  const Dataset dataset{.size = size,
                        .shape = huge,
                        .images = {&nothing, DType::uint8, std::size_t(huge.size()) * size},
                        .label_shape = {}};
  Epoch epoch = Loader(dataset, {.batch = size}).epoch(0);
  CHECK_THROWS(DeviceError, "not enough memory", epoch.next());
  CHECK_THROWS(DeviceError, "not enough memory", epoch.next());
}

TEST(a_loader_refuses_what_does_not_fit_and_names_it) {
  const Numbered data(4);
  const auto refuses = [&](std::string_view part, LoaderOptions options, auto change) {
    Dataset dataset = data.dataset();
    change(dataset);
    CHECK_THROWS(ShapeError, part, Loader(dataset, options));
  };
  const auto as_it_is = [](Dataset&) {};
  refuses("batch must be 1 to", {.batch = 0}, as_it_is);
  refuses("prefetch must be 1 to 64, got 65", {.prefetch = 65}, as_it_is);
  refuses("drop_last leaves nothing of 4", {.batch = 5, .drop_last = true}, as_it_is);
  refuses("images must be 4 of shape (2, 3, 1), got 23", {},
          [](Dataset& d) { d.images.elements = 23; });
  refuses("labels must be 4 of shape (), got 3", {}, [](Dataset& d) { d.labels.elements = 3; });
  refuses("labels must be int32 or float32, got uint8", {},
          [](Dataset& d) { d.labels.dtype = DType::uint8; });
  refuses("images must be uint8, int32 or float32, got float64", {},
          [](Dataset& d) { d.images.dtype = DType::float64; });
  refuses("mean must be one number or one for each of 1 channels, got 2", {.mean = {1, 2}},
          as_it_is);
  refuses("deviation must be greater than 0", {.deviation = {0}}, as_it_is);
  refuses("(H, W, C) each to be flipped or cropped, got (6,)",
          {.augmentation = {.flip_horizontal = true}}, [](Dataset& d) { d.shape = Shape{6}; });
}

TEST(a_flip_and_a_crop_move_whole_pixels) {
  const Numbered data(64);
  const LoaderOptions flip{.batch = 64, .augmentation = {.flip_horizontal = true}};
  Epoch epoch = Loader(data.dataset(), flip).epoch(0);
  const auto batch = epoch.next();
  int flipped = 0;
  for (int i = 0; i < 64; ++i) {
    const float* x = image_of(*batch, i);
    const bool turned = x[0] > x[1];
    flipped += turned;
    CHECK_EQUAL(std::abs(x[2] - x[0]), 2.0f);
    CHECK_EQUAL(x[3] - x[0], 3.0f);
  }
  CHECK(flipped > 16);
  CHECK(flipped < 48);

  const LoaderOptions crop{.batch = 64, .augmentation = {.crop = 9}};
  Epoch moved = Loader(data.dataset(), crop).epoch(0);
  const auto far = moved.next();  // most windows of 2 x 3 miss an image in 20 x 21 pixels
  int empty = 0;
  for (int i = 0; i < 64; ++i)
    empty += std::all_of(image_of(*far, i), image_of(*far, i) + 6, [](float v) { return v == 0; });
  CHECK(empty > 32);
}

TEST(a_trace_has_a_row_for_each_thread_and_counts_what_it_does_not_keep) {
  const Numbered data(20);
  const auto trace = std::make_shared<Trace>(9);
  rest(Loader(data.dataset(), {.batch = 2, .trace = trace}).epoch(0));
  CHECK_EQUAL(trace->size(), 9u);
  CHECK_EQUAL(trace->dropped(), 12u);  // 10 batches, and 11 calls
  const std::string json = trace->json();
  CHECK_CONTAINS(json, R"("name":"thread_name","args":{"name":"loader"})");
  CHECK_CONTAINS(json, R"("name":"prepare batch 0")");
  CHECK_CONTAINS(json, R"("dropped":12)");
  Trace quoted;
  quoted.add("a\"b", "c\\d\n", -1, Trace::Clock::now(), Trace::Clock::now());
  CHECK_CONTAINS(quoted.json(), R"("a\"b")");
  CHECK_CONTAINS(quoted.json(), R"("c\\d ")");
}

}  // namespace
