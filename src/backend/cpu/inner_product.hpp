#pragma once

#include "backend/cpu/cpu_session.hpp"

/// y (rows, out) = x (rows, in) times the transpose of a weight (out, in), and its gradients: for
/// kernels that have more to do than a dense layer.
namespace mpsnn::cpu {

struct InnerSizes {
  Dim rows, in, out;
  DType type;  ///< Of x and y, unless said otherwise.
};

/// A product with a weight that is packed when it has changed, of bfloat16 operands.
class PackedProduct {
 public:
  enum class Kind {
    forward,       ///< x to y.
    data_gradient  ///< The gradient of y to that of x.
  };
  /// The result is of type `to`. Each of `parts` parts of `s.rows` rows can be run on a thread of
  /// its own; a single one uses all.
  PackedProduct(KernelContext& k, ValueId weight, const InnerSizes& s, Kind kind, DType to,
                Dim parts = 1);

  /// Packs the weight, if need be; before the runs.
  void prepare(const Launch& l, const void* weight) { packed_ = weight_.get(l, weight); }
  void run(const Launch& l, const void* from, void* to, std::size_t part = 0) {
    runs_[part].run(streams_[part], {from, packed_, to}, scratches_[part].at(l));
  }

 private:
  std::vector<dnnl::stream> streams_;
  std::vector<Primitive> runs_;
  std::vector<Scratch> scratches_;
  Weight weight_;
  const void* packed_ = nullptr;
};

/// The gradients of a weight and of a bias, which may be absent, from x and the gradient of y.
class WeightProduct {
 public:
  WeightProduct(KernelContext& k, const InnerSizes& s, bool bias);

  void run(const Launch& l, const void* x, const void* dy, void* dweight, void* dbias);

 private:
  static bool prefers_matmul(const InnerSizes& s);

  CpuSession* session_;
  InnerSizes sizes_;
  bool sums_columns_;
  Primitive run_;
  Scratch scratch_;
};

}  // namespace mpsnn::cpu
