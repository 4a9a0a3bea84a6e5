#include "bindings/bindings.hpp"

using namespace mpsnn;

namespace {

using Floats = py::array_t<float, py::array::c_style>;

/// A data source written in Python. Every call takes the GIL: the engine's
/// thread makes them.
class PySource final : public DataSource {
 public:
  explicit PySource(py::object object)
      : object_(std::move(object)),
        updates_(py::hasattr(object_, "update") && !object_.attr("update").is_none()) {}

  ~PySource() override {
    if (!Py_IsInitialized()) {  // nothing can be freed any more
      (void)object_.release();
      return;
    }
    const py::gil_scoped_acquire gil;
    lent_.clear();
    object_ = py::object();
  }

  std::vector<std::span<const float>> load(std::span<const SourceTensor> tensors) override {
    const py::gil_scoped_acquire gil;
    py::dict shapes;
    for (const SourceTensor& t : tensors) shapes[py::str(t.name)] = tuple_of(t.shape);
    const py::object lent = object_.attr("load")(shapes);
    std::vector<std::span<const float>> out;
    try {
      for (const SourceTensor& t : tensors) {
        lent_.push_back(checked(lent, t));
        out.emplace_back(lent_.back().data(), static_cast<std::size_t>(lent_.back().size()));
      }
    } catch (...) {
      purge();
      throw;
    }
    return out;
  }

  void purge() override {
    const py::gil_scoped_acquire gil;
    lent_.clear();
    try {
      if (py::hasattr(object_, "purge")) object_.attr("purge")();
    } catch (py::error_already_set& e) {
      e.discard_as_unraisable("mpsnn: purge of a data source");
    }
  }

  bool updates() const override { return updates_; }

  void update(std::span<const SourceTensor> tensors, std::span<const HostArray> gradients,
              std::span<const HostSpan> values) override {
    const py::gil_scoped_acquire gil;
    py::dict gradient, source;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      gradient[py::str(tensors[i].name)] = copy(tensors[i], gradients[i]);
      source[py::str(tensors[i].name)] =
          copy(tensors[i], {values[i].data, values[i].dtype, values[i].elements});
    }
    const py::object result = object_.attr("update")(gradient, source);
    if (result.is_none()) return;
    for (std::size_t i = 0; i < tensors.size(); ++i) store(result, tensors[i], values[i]);
  }

 private:
  static py::array copy(const SourceTensor& tensor, const HostArray& from) {
    py::array out = new_array(from.dtype, tensor.shape, 0);
    std::memcpy(out.mutable_data(), from.data, from.elements * size_of(from.dtype));
    return out;
  }

  static Floats checked(const py::object& lent, const SourceTensor& tensor) {
    const py::object array = lent.attr("get")(py::str(tensor.name));
    if (array.is_none()) throw ShapeError(str("source: load did not give '", tensor.name, "'"));
    if (!py::isinstance<Floats>(array) || !has_shape(array, tensor.shape))
      throw ShapeError(str("source: '", tensor.name, "' must be C-contiguous float32 ",
                           tensor.shape, ", got ", std::string(py::str(py::type::of(array))), " ",
                           std::string(py::str(py::getattr(array, "dtype", py::str("")))), " ",
                           std::string(py::str(py::getattr(array, "shape", py::str(""))))));
    return py::reinterpret_borrow<Floats>(array);
  }

  static void store(const py::object& result, const SourceTensor& tensor, const HostSpan& to) {
    const py::object given = result.attr("get")(py::str(tensor.name));
    if (given.is_none()) return;
    const py::array array =
        py::module_::import("numpy").attr("ascontiguousarray")(given, std::string(name(to.dtype)));
    if (!has_shape(array, tensor.shape))
      throw ShapeError(str("source: update gave '", tensor.name, "' as ",
                           std::string(py::str(array.attr("shape"))), ", needs ", tensor.shape));
    std::memcpy(to.data, array.data(), to.elements * size_of(to.dtype));
  }

  py::object object_;
  const bool updates_;
  std::vector<Floats> lent_;
};

}  // namespace

void bind_source(py::module_& m) {
  py::class_<DataSource, std::shared_ptr<DataSource>>(
      m, "Source",
      "Wraps a Python data source: an object with load, purge and, optionally, update.")
      .def(py::init([](py::object object) -> std::shared_ptr<DataSource> {
             return std::make_shared<PySource>(std::move(object));
           }),
           "object"_a);
}
