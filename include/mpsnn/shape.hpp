#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string_view>

namespace mpsnn {

using Dim = std::int64_t;

/// The extent of each axis of one image, matrix or vector. At most four axes;
/// never allocates. The batch axis is not part of a Shape: see TensorDesc.
class Shape {
 public:
  static constexpr int max_rank = 4;

  Shape() = default;
  Shape(std::initializer_list<Dim> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  /// @throws ShapeError if there are more than max_rank axes, an extent is not
  ///     positive, or the product of all overflows.
  explicit Shape(std::span<const Dim> dims);

  int rank() const { return rank_; }
  Dim operator[](int axis) const { return dims_[axis]; }
  std::span<const Dim> dims() const { return {dims_.data(), static_cast<std::size_t>(rank_)}; }

  /// Product of all extents; 1 for a scalar.
  Dim size() const;

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::array<Dim, max_rank> dims_{};
  int rank_ = 0;
};

/// As Python prints a tuple: (28, 28, 1), (10,), ().
std::ostream& operator<<(std::ostream& out, const Shape& shape);

/// float64 is what the reference backend computes in; no other backend has it.
enum class DType : std::uint8_t { float32, float16, bfloat16, int32, uint8, float64 };

std::size_t size_of(DType dtype);
/// As numpy spells it: "float32".
std::string_view name(DType dtype);
std::ostream& operator<<(std::ostream& out, DType dtype);

/// What a value in the graph holds. `shape` is per image: the batch size is
/// chosen once, at compile time, and applies to every batched value.
struct TensorDesc {
  Shape shape;
  DType dtype = DType::float32;
  bool batched = true;

  /// Elements of `batch` images, or of the value itself where it has no batch axis.
  std::size_t elements(int batch) const {
    return static_cast<std::size_t>(shape.size()) * (batched ? batch : 1);
  }

  friend bool operator==(const TensorDesc&, const TensorDesc&) = default;
};

/// Memory of the host that is only read: what a caller lends to a run.
struct HostArray {
  const void* data = nullptr;
  DType dtype = DType::float32;
  std::size_t elements = 0;

  /// Images [first, first + count) of the `images` that the array holds; null stays null.
  HostArray part(int images, int first, int count) const {
    if (!data) return *this;
    const std::size_t each = elements / images;
    return {static_cast<const std::byte*>(data) + first * each * size_of(dtype), dtype,
            count * each};
  }
};

/// Memory of the host that is written.
struct HostSpan {
  void* data = nullptr;
  DType dtype = DType::float32;
  std::size_t elements = 0;

  HostSpan part(int images, int first, int count) const {
    const std::size_t each = elements / images;
    return {static_cast<std::byte*>(data) + first * each * size_of(dtype), dtype, count * each};
  }
};

}  // namespace mpsnn
