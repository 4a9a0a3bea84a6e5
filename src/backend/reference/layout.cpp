#include "backend/reference/kernels.hpp"
#include "ops/pad_source.hpp"

namespace mpsnn::reference {
namespace {

/// Usually the memory plan has made y the memory of x already.
Kernel reshape(KernelContext& k) {
  return [size = k.in_elements(0)](const Launch& l) {
    const auto* x = l.in<double>(0);
    if (auto* y = l.out<double>(0); x != y) std::copy_n(x, size, y);
  };
}

/// A concatenation as rows: a row of y is one run of each part after the other.
struct Join {
  Dim rows = 1;
  Dim row = 0;               // elements of y
  std::vector<Dim> parts{};  // elements of each part

  /// `whole` is y; a gradient node knows the extents of its parts.
  Join(const KernelContext& k, ValueId whole) {
    const TensorDesc& y = k.graph.desc(whole);
    const int axis = k.op<Concat>().axis, at = axis < 0 ? axis + y.shape.rank() : axis;
    if (y.batched) rows = k.batch;
    for (int i = 0; i < at; ++i) rows *= y.shape[i];
    row = static_cast<Dim>(y.elements(k.batch)) / rows;
    std::vector<Dim> extents = k.op<Concat>().extents;
    if (!k.node.gradient_of)
      for (ValueId v : k.node.inputs) extents.push_back(k.graph.desc(v).shape[at]);
    for (Dim extent : extents) parts.push_back(row / y.shape[at] * extent);
  }

  /// Calls f(part, index in that part, index in y) for the start of each run.
  template <class F>
  void each(F f) const {
    for (Dim r = 0; r < rows; ++r) {
      Dim at = r * row;
      for (std::size_t p = 0; p < parts.size(); at += parts[p++])
        f(static_cast<int>(p), r * parts[p], at);
    }
  }
};

Kernel concat(KernelContext& k) {
  return [join = Join(k, k.node.outputs[0])](const Launch& l) {
    join.each([&](int part, Dim xi, Dim yi) {
      std::copy_n(l.in<double>(part) + xi, join.parts[part], l.out<double>(0) + yi);
    });
  };
}

// in: dy.  out: dx of each input
Kernel concat_gradient(KernelContext& k) {
  return [join = Join(k, k.node.inputs[0])](const Launch& l) {
    join.each([&](int part, Dim xi, Dim yi) {
      if (double* dx = wanted(l, part))
        std::copy_n(l.in<double>(0) + yi, join.parts[part], dx + xi);
    });
  };
}

using Coordinates = std::array<Dim, Shape::max_rank>;

/// Where in `shape` the element `e` is; and the other way round.
Coordinates coordinates(const Shape& shape, Dim e) {
  Coordinates c{};
  for (int i = shape.rank() - 1; i >= 0; e /= shape[i--]) c[i] = e % shape[i];
  return c;
}
Dim element(const Shape& shape, const Coordinates& c) {
  Dim e = 0;
  for (int i = 0; i < shape.rank(); ++i) e = e * shape[i] + c[i];
  return e;
}

/// The element of x that the element at `c` of y is a copy of, or `outside`.
Dim source(const Slice& op, const Shape& x, Coordinates c) {
  for (int i = 0; i < x.rank(); ++i) c[i] = op.start[i] + c[i] * op.step[i];
  return element(x, c);
}
Dim source(const Pad& op, const Shape& x, Coordinates c) {
  for (int i = 0; i < x.rank(); ++i) {
    c[i] = pad_source(op.mode, c[i] - op.before[i], x[i]);
    if (c[i] == outside) return outside;
  }
  return element(x, c);
}
Dim source(const Transpose& op, const Shape& x, const Coordinates& c) {
  Coordinates from{};
  for (int i = 0; i < x.rank(); ++i) from[op.order[i]] = c[i];
  return element(x, from);
}

/// What the elements of y without a source are.
template <class Op>
double filling(const Op& op) {
  if constexpr (std::is_same_v<Op, Pad>) return op.value;
  return 0;
}

/// y[e] = x[source(e)], for every image.
template <class Op>
struct Gather {
  Op op;
  Shape x, y;
  Dim images;

  Gather(const KernelContext& k, const Shape& x_, const Shape& y_)
      : op(k.op<Op>()), x(x_), y(y_), images(k.in_elements(0) / k.in(0).size()) {}

  /// Calls f(element of x or `outside`, element of y), both over the whole batch.
  template <class F>
  void each(const F& f) const {
    for (Dim n = 0; n < images; ++n)
      for (Dim e = 0; e < y.size(); ++e) {
        const Dim from = source(op, x, coordinates(y, e));
        f(from == outside ? outside : n * x.size() + from, n * y.size() + e);
      }
  }
};

template <class Op>
Kernel gather(KernelContext& k) {
  return [g = Gather<Op>(k, k.in(0), k.out(0))](const Launch& l) {
    g.each([&](Dim from, Dim to) {
      l.out<double>(0)[to] = from == outside ? filling(g.op) : l.in<double>(0)[from];
    });
  };
}

// in: dy.  out: dx
template <class Op>
Kernel gather_gradient(KernelContext& k) {
  return [g = Gather<Op>(k, k.out(0), k.in(0)), size = k.out_elements(0)](const Launch& l) {
    clear(l.out<double>(0), size);
    g.each([&](Dim to, Dim from) {
      if (to != outside) l.out<double>(0)[to] += l.in<double>(0)[from];
    });
  };
}

}  // namespace

KernelPair reshape_kernels() { return {reshape}; }

KernelPair stop_gradient_kernels() { return {reshape}; }

KernelPair slice_kernels() { return {gather<Slice>, gather_gradient<Slice>}; }

KernelPair pad_kernels() { return {gather<Pad>, gather_gradient<Pad>}; }

KernelPair transpose_kernels() { return {gather<Transpose>, gather_gradient<Transpose>}; }

KernelPair concat_kernels() { return {concat, concat_gradient}; }

}  // namespace mpsnn::reference
