#include <limits>

#include "bindings/bindings.hpp"

using namespace mpsnn;

namespace {

constexpr std::pair<DType, const char*> dtypes[] = {{DType::float32, "float32"},
                                                    {DType::float64, "float64"},
                                                    {DType::int32, "int32"},
                                                    {DType::uint8, "uint8"}};

DType dtype_of(const py::array& array, std::string_view what) {
  for (const auto& [dtype, name] : dtypes) {
    if (py::dtype(name).is(array.dtype()) || py::dtype(name).equal(array.dtype())) return dtype;
  }
  throw ShapeError(str(what, ": dtype ", std::string(py::str(array.dtype())),
                       " is not accepted; convert with .astype(np.float32)"));
}

std::string shape_text(const py::array& array) { return py::str(py::tuple(array.attr("shape"))); }

}  // namespace

HostArray view(py::handle object, std::string_view what) {
  if (!py::isinstance<py::array>(object))
    throw py::type_error(str(what, ": must be a numpy array, got ",
                             std::string(py::str(py::type::of(object).attr("__name__")))));
  const auto array = py::reinterpret_borrow<py::array>(object);
  const DType dtype = dtype_of(array, what);
  if (!(array.flags() & py::array::c_style))
    throw ShapeError(
        str(what, ": ", shape_text(array), " must be C-contiguous; use np.ascontiguousarray"));
  return {array.data(), dtype, static_cast<std::size_t>(array.size())};
}

bool is_batch_of(const py::array& array, const Shape& shape) {
  bool same = array.ndim() == shape.rank() + 1;
  for (int i = 0; same && i < shape.rank(); ++i) same = array.shape(i + 1) == shape[i];
  return same;
}

HostArray view_batch(py::handle object, std::string_view what, const Shape& shape, int& images) {
  const HostArray out = view(object, what);
  const auto array = py::reinterpret_borrow<py::array>(object);
  if (!is_batch_of(array, shape)) {
    std::string wanted = "(N";
    for (Dim d : shape.dims()) wanted += str(", ", d);
    throw ShapeError(
        str(what, ": must be ", wanted, shape.rank() ? ")" : ",)", ", got ", shape_text(array)));
  }
  const py::ssize_t n = array.shape(0);
  if (n == 0) throw ShapeError(str(what, ": the batch is empty, got ", shape_text(array)));
  if (n > std::numeric_limits<int>::max())
    throw ShapeError(str(what, ": too many images, got ", n));
  if (images == 0) images = static_cast<int>(n);
  if (n != images)
    throw ShapeError(str(what, ": must have ", images, " images like the others, got ", n));
  return out;
}

py::array new_array(DType dtype, const Shape& shape, int images) {
  std::vector<py::ssize_t> dims(shape.dims().begin(), shape.dims().end());
  if (images) dims.insert(dims.begin(), images);
  return py::array(py::dtype(std::string(name(dtype))), dims);
}

HostSpan span_of(py::array& array) {
  return {array.mutable_data(), dtype_of(array, "array"), static_cast<std::size_t>(array.size())};
}

py::tuple tuple_of(const Shape& shape) {
  py::list dims;
  for (Dim d : shape.dims()) dims.append(d);
  return py::tuple(dims);
}

bool has_shape(const py::object& array, const Shape& shape) {
  return py::object(array.attr("shape")).equal(tuple_of(shape));
}
