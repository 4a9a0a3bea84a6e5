#include "ops/matmul.hpp"

#include <cmath>

#include "ops/checks.hpp"

namespace mpsnn {
namespace {

std::vector<TensorDesc> infer(const Op& op, std::span<const TensorDesc> in) {
  const auto& o = std::get<MatMul>(op);
  const Shape &a = floating(op, "a", in[0]), &b = floating(op, "b", in[1]);
  require(a.rank() >= 2, op, str("a must have at least 2 axes, got ", a));
  require(b.rank() >= 2, op, str("b must have at least 2 axes, got ", b));
  const Dim m = a[a.rank() - (o.transpose_a ? 1 : 2)], k = a[a.rank() - (o.transpose_a ? 2 : 1)];
  const Dim n = b[b.rank() - (o.transpose_b ? 2 : 1)], same = b[b.rank() - (o.transpose_b ? 1 : 2)];
  require(k == same, op,
          str("a ", a, " and b ", b, " must have the same inner extent, got ", k, " and ", same));
  const Shape& more = a.rank() >= b.rank() ? a : b;
  const bool equal =
      a.rank() == b.rank() && std::equal(a.dims().begin(), a.dims().end() - 2, b.dims().begin());
  require(equal || std::min(a.rank(), b.rank()) == 2, op,
          str("axes of a ", a, " and b ", b,
              " before the last two must be equal, or missing on "
              "one side"));
  std::vector<Dim> dims(more.dims().begin(), more.dims().end());
  dims[more.rank() - 2] = m;
  dims[more.rank() - 1] = n;
  return {{Shape(dims), DType::float32, in[0].batched || in[1].batched}};
}

std::string attributes(const Op& op) {
  const auto& o = std::get<MatMul>(op);
  return str(o.transpose_a ? " transpose_a" : "", o.transpose_b ? " transpose_b" : "");
}

std::vector<TensorDesc> infer_gram(const Op& op, std::span<const TensorDesc> in) {
  const Shape& x = floating(op, "x", in[0]);
  require(x.rank() == 3, op, str("x must be (H, W, C), got ", x));
  const float alpha = std::get<GramMatrix>(op).alpha;
  require(std::isfinite(alpha), op, str("alpha must be finite, got ", alpha));
  return {{Shape{x[2], x[2]}, DType::float32, in[0].batched}};
}

MultiplyAdds multiply_adds(const Op& op, std::span<const TensorDesc> in, const TensorDesc&,
                           int images) {
  const Products p(std::get<MatMul>(op), in[0], in[1], images);
  const auto n = static_cast<std::uint64_t>(p.count * p.m * p.k * p.n);
  return {n, {n, n}};
}

/// x^T x; and x (dy + dy^T).
MultiplyAdds multiply_adds_gram(const Op&, std::span<const TensorDesc> in, const TensorDesc&,
                                int images) {
  const std::uint64_t n = in[0].elements(images) * in[0].shape[2];
  return {n, {n}};
}

}  // namespace

Products::Products(const MatMul& op, const TensorDesc& a, const TensorDesc& b, Dim images) {
  const Shape &as = a.shape, &bs = b.shape;
  k = as[as.rank() - (op.transpose_a ? 2 : 1)];
  m = as[as.rank() - (op.transpose_a ? 1 : 2)];
  n = bs[bs.rank() - (op.transpose_b ? 2 : 1)];
  const Dim a_each = as.size() / (m * k), b_each = bs.size() / (k * n);
  each = std::max(a_each, b_each);
  count = each * (a.batched || b.batched ? images : 1);
  a_cycle = a.batched ? count : a_each;
  b_cycle = b.batched ? count : b_each;
  a_repeat = a.batched && a_each < each ? each : 1;
  b_repeat = b.batched && b_each < each ? each : 1;
}

const OpSpec& MatMul::spec() {
  static const OpSpec s{.name = "matmul",
                        .inputs = {"a", "b"},
                        .outputs = {"y"},
                        .saved = {"a", "b"},
                        .gradients = {"a", "b"},
                        .infer = infer,
                        .attributes = attributes,
                        .multiply_adds = multiply_adds};
  return s;
}

const OpSpec& GramMatrix::spec() {
  static const OpSpec s{
      .name = "gram_matrix",
      .inputs = {"x"},
      .outputs = {"y"},
      .saved = {"x"},
      .gradients = {"x"},
      .infer = infer_gram,
      .attributes = [](const Op& op) { return str(" alpha=", std::get<GramMatrix>(op).alpha); },
      .multiply_adds = multiply_adds_gram};
  return s;
}

}  // namespace mpsnn
