#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"
#include "ops/arithmetic_terms.hpp"
#include "ops/broadcast.hpp"
#include "ops/neuron_terms.hpp"

namespace mpsnn::cpu {
namespace {

// Results may overwrite inputs, element by element: `omp simd` says that this is fine. Terms are
// taken by value: behind a reference, y might overwrite their numbers.

template <class T>
MPSNN_SIMD void add(const T* a, const T* b, T* y, std::size_t begin, std::size_t end) {
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) y[i] = a[i] + b[i];
}

template <class Term, class T>
MPSNN_SIMD void add_then(Term term, const T* a, const T* b, T* y, std::size_t begin,
                         std::size_t end) {
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) y[i] = term.value(a[i] + b[i]);
}

template <class T>
Kernel add_kernel(const KernelContext& k) {
  const std::size_t n = k.in_elements(0);
  const auto run = [n](auto part) -> Kernel {
    return [n, part](const Launch& l) {
      parallel_for(n, 1, [&](std::size_t begin, std::size_t end) {
        part(l.in<T>(0), l.in<T>(1), l.out<T>(0), begin, end);
      });
    };
  };
  const Activation& end = k.op<Add>().activation;
  if (!end) return run(add<T>);
  return neuron::with_term<float>(*end, [&](auto term) {
    return run([term](const T* a, const T* b, T* y, std::size_t from, std::size_t to) {
      add_then(term, a, b, y, from, to);
    });
  });
}

constexpr Dim block = 512;  // elements of a row at once, in the first cache

/// `n` elements of a side from `x`: where they are one that is repeated, copies of it in `copies`.
const float* run_of(const float* x, Dim step, Dim n, float* copies) {
  if (step == 1) return x;
  std::fill_n(copies, n, *x);
  return copies;
}

template <class Term>
MPSNN_SIMD void values(Term term, const float* a, const float* b, float* y, Dim n) {
#pragma omp simd
  for (Dim i = 0; i < n; ++i) y[i] = term.value(a[i], b[i]);
}

template <class Term>
MPSNN_SIMD void times_by_a(Term term, const float* dy, const float* a, const float* b, float* out,
                           Dim n) {
#pragma omp simd
  for (Dim i = 0; i < n; ++i) out[i] = dy[i] * term.by_a(a[i], b[i]);
}

template <class Term>
MPSNN_SIMD void times_by_b(Term term, const float* dy, const float* a, const float* b, float* out,
                           Dim n) {
#pragma omp simd
  for (Dim i = 0; i < n; ++i) out[i] = dy[i] * term.by_b(a[i], b[i]);
}

/// Calls f(first element of y, places of a and b, elements) for blocks of rows, in parallel.
template <class F>
void each_block(const Broadcast& walk, const F& f) {
  const Dim n = walk.last().extent, parts = (n + block - 1) / block;
  parallel_for(walk.rows() * parts, std::min(n, block), [&](std::size_t begin, std::size_t end) {
    for (Dim i = begin; i < static_cast<Dim>(end); ++i) {
      const Dim row = i / parts, at = i % parts * block;
      Broadcast::Place p = walk.row(row);
      p.a += at * walk.last().a;
      p.b += at * walk.last().b;
      f(row * n + at, p, std::min(block, n - at));
    }
  });
}

// in: a, b.  out: y
Kernel forward(KernelContext& k) {
  const Broadcast walk(k.graph.desc(k.node.inputs[0]), k.graph.desc(k.node.inputs[1]), k.batch);
  return arithmetic::with_term<float>(k.op<Arithmetic>(), [&](auto term) -> Kernel {
    return [=](const Launch& l) {
      each_block(walk, [&](Dim y, Broadcast::Place p, Dim n) {
        float a[block], b[block];
        values(term, run_of(l.in<float>(0) + p.a, walk.last().a, n, a),
               run_of(l.in<float>(1) + p.b, walk.last().b, n, b), l.out<float>(0) + y, n);
      });
    };
  });
}

/// The axes of y along which one side stands still, and those along which it moves.
struct Sum {
  Broadcast walk;
  bool left;  ///< The side summed for is a of `walk`.
  Dim kept = 1, summed = 1;

  Dim step(int axis) const { return left ? walk.axes[axis].a : walk.axes[axis].b; }
  bool whole() const { return summed == 1 && step(walk.rank - 1) == 1; }

  Sum(const Broadcast& w, bool l) : walk(w), left(l) {
    for (int i = 0; i + 1 < walk.rank; ++i) (step(i) ? kept : summed) *= walk.axes[i].extent;
  }
  /// Row of y that is number `outer` of those that differ in the side and `inner` of the others.
  Dim row(Dim outer, Dim inner) const {
    Dim row = 0, scale = 1;
    for (int i = walk.rank - 2; i >= 0; --i) {
      Dim& from = step(i) ? outer : inner;
      row += from % walk.axes[i].extent * scale;
      from /= walk.axes[i].extent;
      scale *= walk.axes[i].extent;
    }
    return row;
  }
};

/// Element by element where the side is of the shape of y, else sums in double.
template <class Block>
void sum_blocks(const Sum& sum, float* out, const Block& product) {
  const Dim n = sum.walk.last().extent, last = sum.step(sum.walk.rank - 1);
  const Dim parts = last ? (n + block - 1) / block : 1;
  const std::size_t cost = sum.summed * (last ? std::min(n, block) : n);
  parallel_for(sum.kept * parts, cost, [&](std::size_t begin, std::size_t end) {
    float terms[block];
    double total[block];
    for (Dim i = begin; i < static_cast<Dim>(end); ++i) {
      const Dim outer = i / parts, first = i % parts * block,
                stop = last ? std::min(n, first + block) : n;
      std::fill_n(total, last ? stop - first : 1, 0.0);
      Dim place = 0;
      for (Dim inner = 0; inner < sum.summed; ++inner) {
        const Dim row = sum.row(outer, inner);
        for (Dim at = first; at < stop; at += block) {
          const Dim count = std::min(block, stop - at);
          place = product(row, at, count, terms);
          for (Dim j = 0; j < count; ++j) total[last ? j : 0] += terms[j];
        }
      }
      for (Dim j = 0; j < (last ? stop - first : 1); ++j)
        out[place + j] = static_cast<float>(total[j]);
    }
  });
}

// in: dy, and a and b unless all slopes are the same.  out: da, db
Kernel gradient_of(KernelContext& k, int side) {
  const auto desc = [&](ValueId v) { return k.graph.desc(v); };
  const bool saved = k.node.inputs.size() > 1;
  const Broadcast walk =
      saved ? Broadcast(desc(k.node.inputs[1]), desc(k.node.inputs[2]), k.batch)
            : Broadcast(desc(k.node.inputs[0]), desc(k.node.outputs[side]), k.batch);
  const Sum sum(walk, saved && side == 0);
  return arithmetic::with_smooth_term<float>(k.op<Arithmetic>(), [&](auto term) -> Kernel {
    return [=](const Launch& l) {
      static const float zeros[block] = {};
      const auto product = [&](Dim row, Dim at, Dim n, float* out) {
        float a[block], b[block];
        const Broadcast::Place p = sum.walk.row(row);
        const Broadcast::Axis& last = sum.walk.last();
        const float* dy = l.in<float>(0) + row * last.extent + at;
        const float* left =
            saved ? run_of(l.in<float>(1) + p.a + at * last.a, last.a, n, a) : zeros;
        const float* right =
            saved ? run_of(l.in<float>(2) + p.b + at * last.b, last.b, n, b) : zeros;
        if (side == 0)
          times_by_a(term, dy, left, right, out, n);
        else
          times_by_b(term, dy, left, right, out, n);
        return sum.left ? p.a + at * last.a : p.b + at * last.b;
      };
      if (!sum.whole()) return sum_blocks(sum, l.out<float>(side), product);
      each_block(sum.walk, [&](Dim y, Broadcast::Place p, Dim n) {
        const Dim extent = sum.walk.last().extent;
        product(y / extent, y % extent, n, l.out<float>(side) + (sum.left ? p.a : p.b));
      });
    };
  });
}

Kernel gradient(KernelContext& k) {
  std::vector<Kernel> sides;
  for (int side = 0; side < 2; ++side) {
    if (k.has_out(side)) sides.push_back(gradient_of(k, side));
  }
  return [sides](const Launch& l) {
    for (const Kernel& side : sides) side(l);
  };
}

}  // namespace

KernelPair add_kernels() {
  return {[](KernelContext& k) {
            return with_float(k.in_type(0), [&]<class T>(T) { return add_kernel<T>(k); });
          },
          nullptr, false, [](const Node&, DType) { return Reduced::follows; }};
}

KernelPair arithmetic_kernels() { return {forward, gradient}; }

}  // namespace mpsnn::cpu
