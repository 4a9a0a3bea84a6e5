#include "mpsnn/shape.hpp"

#include <algorithm>
#include <limits>
#include <ostream>

#include "mpsnn/errors.hpp"

namespace mpsnn {

namespace {

template <class T>
void print(std::ostream& out, std::span<const T> dims) {
  out << '(';
  for (std::size_t i = 0; i < dims.size(); ++i) out << (i ? ", " : "") << dims[i];
  out << (dims.size() == 1 ? ",)" : ")");
}

std::string text(std::span<const Dim> dims) {
  std::ostringstream out;
  print(out, dims);
  return out.str();
}

}  // namespace

Shape::Shape(std::span<const Dim> dims) : rank_(static_cast<int>(dims.size())) {
  if (dims.size() > max_rank)
    throw ShapeError(str("shape ", text(dims), " has more than ", max_rank, " axes"));
  // Leaves room for max_batch images of eight bytes an element in a size_t.
  constexpr Dim limit = std::numeric_limits<Dim>::max() >> 27;
  Dim size = 1;
  for (Dim d : dims) {
    if (d < 1) throw ShapeError(str("shape ", text(dims), " must have positive extents"));
    if (d > limit / size) throw ShapeError(str("shape ", text(dims), " is too large"));
    size *= d;
  }
  std::ranges::copy(dims, dims_.begin());
}

Dim Shape::size() const {
  Dim n = 1;
  for (Dim d : dims()) n *= d;
  return n;
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  print(out, shape.dims());
  return out;
}

std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::float64:
      return 8;
    case DType::float32:
    case DType::int32:
      return 4;
    case DType::float16:
    case DType::bfloat16:
      return 2;
    case DType::uint8:
      return 1;
  }
  throw Error("unknown dtype");
}

std::string_view name(DType dtype) {
  constexpr std::string_view names[] = {"float32", "float16", "bfloat16",
                                        "int32",   "uint8",   "float64"};
  return names[static_cast<int>(dtype)];
}

std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name(dtype); }

}  // namespace mpsnn
