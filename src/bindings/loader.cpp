#include <limits>
#include <optional>

#include "bindings/bindings.hpp"

using namespace mpsnn;

namespace {

/// A loader, and the arrays that it reads.
struct PyLoader {
  Loader loader;
  Shape shape, label_shape;
  py::object images, labels;  ///< Arrays; labels may be None.
};

/// The shape of one entry along the first axis of `array`.
Shape shape_of_one(const py::array& array) {
  const std::vector<Dim> dims(array.shape() + 1, array.shape() + array.ndim());
  return Shape(dims);
}

/// The caller has checked that the arrays have as many entries, and some.
std::shared_ptr<PyLoader> new_loader(const py::object& images, const py::object& labels,
                                     const LoaderOptions& options) {
  Dataset dataset;
  dataset.images = view(images, "images");
  const auto array = py::reinterpret_borrow<py::array>(images);
  if (array.ndim() == 0) throw ShapeError("images: must have a first axis, got ()");
  if (array.shape(0) > std::numeric_limits<int>::max())
    throw ShapeError(str("images: too many, got ", array.shape(0)));
  dataset.size = static_cast<int>(array.shape(0));
  dataset.shape = shape_of_one(array);
  if (!labels.is_none()) {
    dataset.labels = view(labels, "labels");
    const auto truth = py::reinterpret_borrow<py::array>(labels);
    if (truth.ndim() == 0) throw ShapeError("labels: must have a first axis, got ()");
    dataset.label_shape = shape_of_one(truth);
  }
  return std::make_shared<PyLoader>(
      PyLoader{Loader(dataset, options), dataset.shape, dataset.label_shape, images, labels});
}

class PyEpoch {
 public:
  PyEpoch(std::shared_ptr<PyLoader> loader, std::uint64_t epoch, int first)
      : loader_(std::move(loader)), epoch_(loader_->loader.epoch(epoch, first)) {}
  ~PyEpoch() {
    const py::gil_scoped_release release;  // its thread may be at work on an image
    epoch_.reset();
  }
  PyEpoch(PyEpoch&&) = delete;

  py::typing::Tuple<py::array, py::object> next() {
    std::optional<LoadedBatch> batch;
    {
      const py::gil_scoped_release release;
      batch = epoch_->next();
    }
    if (!batch) throw py::stop_iteration();
    py::object labels = py::none();
    if (batch->labels.data) labels = array(*batch, batch->labels, loader_->label_shape);
    return py::make_tuple(array(*batch, batch->inputs, loader_->shape), labels);
  }

 private:
  /// Without a copy: the array keeps the memory of its batch.
  static py::array array(const LoadedBatch& batch, const HostArray& part, const Shape& shape) {
    std::vector<py::ssize_t> dims(shape.dims().begin(), shape.dims().end());
    dims.insert(dims.begin(), batch.images);
    auto held = std::make_unique<std::shared_ptr<void>>(batch.memory);
    const py::capsule owner(
        held.get(), [](void* memory) { delete static_cast<std::shared_ptr<void>*>(memory); });
    (void)held.release();
    return {py::dtype(std::string(name(part.dtype))), dims, part.data, owner};
  }

  const std::shared_ptr<PyLoader> loader_;
  std::optional<Epoch> epoch_;
};

}  // namespace

void bind_loader(py::module_& m) {
  py::class_<Trace, std::shared_ptr<Trace>>(m, "Trace")
      .def(py::init<std::size_t>(), "most"_a)
      .def("__len__", &Trace::size)
      .def(
          "add",
          [](Trace& self, const std::string& name, std::int64_t number, double seconds) {
            const Trace::Time end = Trace::Clock::now();
            const std::chrono::duration<double> length(seconds);
            self.add("caller", name, number,
                     end - std::chrono::duration_cast<Trace::Clock::duration>(length), end);
          },
          "name"_a, "number"_a, "seconds"_a,
          "What the calling thread did in the time up to now, in the row of callers.")
      .def_property_readonly("dropped", &Trace::dropped)
      .def("json", &Trace::json);

  py::class_<PyEpoch>(m, "Epoch", "One pass over the images of a loader.")
      .def("__iter__", [](py::object self) { return self; })
      .def("__next__", &PyEpoch::next);

  py::class_<PyLoader, std::shared_ptr<PyLoader>>(m, "Loader")
      .def(py::init([](const py::object& images, const py::object& labels, int batch,
                       std::uint64_t seed, bool shuffle, bool drop_last, bool flip_horizontal,
                       bool flip_vertical, int crop, float contrast, float brightness,
                       const std::vector<float>& mean, const std::vector<float>& deviation,
                       int prefetch, const std::optional<std::shared_ptr<Trace>>& trace) {
             LoaderOptions options{.batch = batch, .seed = seed, .shuffle = shuffle};
             options.drop_last = drop_last;
             options.augmentation = {flip_horizontal, flip_vertical, crop, contrast, brightness};
             options.mean = mean;
             options.deviation = deviation;
             options.prefetch = prefetch;
             options.trace = trace.value_or(nullptr);
             return new_loader(images, labels, options);
           }),
           "images"_a, "labels"_a, py::kw_only(), "batch"_a, "seed"_a, "shuffle"_a, "drop_last"_a,
           "flip_horizontal"_a, "flip_vertical"_a, "crop"_a, "contrast"_a, "brightness"_a, "mean"_a,
           "deviation"_a, "prefetch"_a, "trace"_a)
      .def("__len__", [](const PyLoader& self) { return self.loader.batches(); })
      .def(
          "epoch",
          [](const std::shared_ptr<PyLoader>& self, std::uint64_t epoch, int first) {
            return std::make_unique<PyEpoch>(self, epoch, first);
          },
          "epoch"_a, "first"_a);
}
