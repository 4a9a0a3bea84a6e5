#pragma once

#include "backend/cpu/inner_product.hpp"
#include "backend/cpu/lstm_rows.hpp"
#include "backend/cpu/recurrent.hpp"

/// An Lstm whose x, y and products are bfloat16. What is added up from step to step, the gates and
/// the cells are float32.
namespace mpsnn::cpu::reduced {

using Kind = PackedProduct::Kind;

inline constexpr DType narrow = DType::bfloat16;

/// Rows of a batch of which every slab has as many, whether it uses them or not: for products that
/// are made for one number of rows.
struct Rows {
  Dim images, slabs, most;

  explicit Rows(Dim batch)
      : images(batch), slabs(slabs_for(batch)), most((batch + slabs - 1) / slabs) {}
  Dim all() const { return slabs * most; }
  Dim first(const Slab& slab) const { return slab.index * most; }
};

/// Scratch for `n` numbers.
template <class T>
class Buffer {
 public:
  Buffer(KernelContext& k, Dim n) : scratch_(k, n * sizeof(T)) {}
  T* at(const Launch& l) const { return scratch_.at<T>(l); }

 private:
  Scratch scratch_;
};

}  // namespace mpsnn::cpu::reduced
