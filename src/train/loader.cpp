#include "mpsnn/loader.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <limits>
#include <mutex>
#include <numeric>
#include <thread>

#include "backend/process.hpp"
#include "mpsnn/backend.hpp"
#include "mpsnn/errors.hpp"
#include "train/preparation.hpp"
#include "train/recycled.hpp"

namespace mpsnn {
namespace {

void check_range(std::string_view what, int value, int most) {
  if (value < 1 || value > most)
    throw ShapeError(str("loader: ", what, " must be 1 to ", most, ", got ", value));
}

void check_elements(std::string_view what, const HostArray& array, const Shape& shape, int size) {
  const auto each = static_cast<std::size_t>(shape.size());
  if (!array.data || array.elements % each != 0 || array.elements / each != std::size_t(size))
    throw ShapeError(str("loader: ", what, " must be ", size, " of shape ", shape, ", got ",
                         array.elements, " elements"));
}

const Dataset& checked(const Dataset& dataset, const LoaderOptions& options) {
  check_range("images", dataset.size, std::numeric_limits<int>::max());
  check_range("batch", options.batch, max_batch);
  check_range("prefetch", options.prefetch, max_prefetch);
  check_elements("images", dataset.images, dataset.shape, dataset.size);
  if (options.drop_last && dataset.size < options.batch)
    throw ShapeError(str("loader: drop_last leaves nothing of ", dataset.size,
                         " images in batches of ", options.batch));
  if (!dataset.labels.data) return dataset;
  check_elements("labels", dataset.labels, dataset.label_shape, dataset.size);
  if (dataset.labels.dtype != DType::int32 && dataset.labels.dtype != DType::float32)
    throw ShapeError(str("loader: labels must be int32 or float32, got ", dataset.labels.dtype));
  return dataset;
}

}  // namespace

struct Loader::Impl {
  Impl(const Dataset& d, const LoaderOptions& o)
      : dataset(checked(d, o)),
        options(o),
        preparation(d, o),
        image_bytes(d.shape.size() * size_of(preparation.dtype())),
        label_bytes(d.labels.data ? d.label_shape.size() * size_of(d.labels.dtype) : 0) {
    const std::size_t full = std::min(o.batch, d.size);
    labels_at = (full * image_bytes + 63) / 64 * 64;
    batch_bytes = labels_at + full * label_bytes;
  }

  int batches() const {
    const std::int64_t rest = options.drop_last ? 0 : options.batch - 1;
    return static_cast<int>((dataset.size + rest) / options.batch);
  }

  const Dataset dataset;
  const LoaderOptions options;
  const Preparation preparation;
  const std::size_t image_bytes, label_bytes;  ///< Of one, in a batch.
  std::size_t labels_at, batch_bytes;          ///< In the memory of a batch.
};

struct Epoch::Impl {
  Impl(std::shared_ptr<const Loader::Impl> l, std::uint64_t e, int first)
      : loader(std::move(l)), epoch(e), thread([this, first] { work(first); }) {}

  void work(int first) noexcept;
  void prepare_all(int first);
  /// Whether there is room for one more batch; false once nobody wants any.
  bool wait_for_room();
  /// None if nobody wants it any more.
  std::optional<LoadedBatch> prepare(int index, const std::int32_t* order);
  LoadedBatch empty_batch(int index);

  const std::shared_ptr<const Loader::Impl> loader;
  const std::uint64_t epoch;
  const int process = process_id();
  const std::shared_ptr<Recycled> memory =
      std::make_shared<Recycled>(loader->batch_bytes, loader->options.prefetch + 2);
  std::vector<std::byte> scratch;  ///< Of one image.

  std::mutex mutex;  ///< Of what follows, up to `thread`.
  std::condition_variable changed;
  std::deque<LoadedBatch> ready;  ///< `prefetch` of them at most.
  std::exception_ptr error;
  bool ended = false, stop = false;

  std::thread thread;  // last, because it uses the others
};

void Epoch::Impl::work(int first) noexcept {
  std::exception_ptr failure;
  try {
    prepare_all(first);
  } catch (...) {
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex);
  error = failure;
  ended = true;
  changed.notify_all();
}

void Epoch::Impl::prepare_all(int first) {
  const LoaderOptions& options = loader->options;
  std::vector<std::int32_t> order(loader->dataset.size);
  if (options.shuffle)
    order = shuffled(loader->dataset.size, options.seed, epoch);
  else
    std::iota(order.begin(), order.end(), 0);
  for (int index = first; index < loader->batches() && wait_for_room(); ++index) {
    std::optional<LoadedBatch> batch = prepare(index, order.data());
    if (!batch) return;
    const std::lock_guard lock(mutex);
    ready.push_back(*std::move(batch));
    changed.notify_all();
  }
}

bool Epoch::Impl::wait_for_room() {
  std::unique_lock lock(mutex);
  const auto most = static_cast<std::size_t>(loader->options.prefetch);
  changed.wait(lock, [&] { return stop || ready.size() < most; });
  return !stop;
}

std::optional<LoadedBatch> Epoch::Impl::prepare(int index, const std::int32_t* order) {
  const TraceScope preparing(loader->options.trace.get(), "loader", "prepare batch", index);
  LoadedBatch batch = empty_batch(index);
  order += std::int64_t{index} * loader->options.batch;
  auto* image = static_cast<std::byte*>(batch.memory.get());
  std::byte* label = image + loader->labels_at;
  const auto* labels = static_cast<const std::byte*>(loader->dataset.labels.data);
  for (int i = 0; i < batch.images; ++i) {
    {
      const std::lock_guard lock(mutex);
      if (stop) return std::nullopt;
    }
    loader->preparation.image(order[i], epoch, image, scratch);
    image += loader->image_bytes;
    if (!labels) continue;
    std::memcpy(label, labels + order[i] * loader->label_bytes, loader->label_bytes);
    label += loader->label_bytes;
  }
  return batch;
}

LoadedBatch Epoch::Impl::empty_batch(int index) {
  const Dataset& dataset = loader->dataset;
  const std::int64_t before = std::int64_t{index} * loader->options.batch;
  const auto images =
      static_cast<int>(std::min<std::int64_t>(loader->options.batch, dataset.size - before));
  LoadedBatch out{.epoch = epoch, .index = index, .images = images};
  out.memory = memory->take();
  out.inputs = {out.memory.get(), loader->preparation.dtype(),
                images * static_cast<std::size_t>(dataset.shape.size())};
  if (dataset.labels.data)
    out.labels = {static_cast<std::byte*>(out.memory.get()) + loader->labels_at,
                  dataset.labels.dtype,
                  images * static_cast<std::size_t>(dataset.label_shape.size())};
  return out;
}

Epoch::Epoch(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Epoch::Epoch(Epoch&&) noexcept = default;

Epoch::~Epoch() {
  if (!impl_) return;
  if (impl_->process != process_id()) {
    // A forked child has no such thread, and destroying what it waits on would wait for it.
    (void)impl_.release();
    return;
  }
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
    impl_->changed.notify_all();
  }
  impl_->thread.join();
}

std::optional<LoadedBatch> Epoch::next() {
  if (impl_->process != process_id())
    throw Error(
        "this process is a fork of the one that started the epoch, whose loader thread it does "
        "not have: start it in the child");
  const TraceScope waiting(impl_->loader->options.trace.get(), "caller", "wait for a batch");
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait(lock, [&] { return !impl_->ready.empty() || impl_->ended; });
  if (impl_->ready.empty()) {
    if (impl_->error) std::rethrow_exception(impl_->error);
    return std::nullopt;
  }
  LoadedBatch out = std::move(impl_->ready.front());
  impl_->ready.pop_front();
  impl_->changed.notify_all();
  return out;
}

Loader::Loader(const Dataset& dataset, const LoaderOptions& options)
    : impl_(std::make_shared<const Impl>(dataset, options)) {}

int Loader::batches() const { return impl_->batches(); }

DType Loader::dtype() const { return impl_->preparation.dtype(); }

Epoch Loader::epoch(std::uint64_t epoch, int first) const {
  if (first < 0 || first > batches())
    throw ShapeError(str("loader: first must be 0 to ", batches(), ", got ", first));
  return Epoch(std::make_unique<Epoch::Impl>(impl_, epoch, first));
}

}  // namespace mpsnn
