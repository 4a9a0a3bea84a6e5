#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/column_sum.hpp"
#include "backend/cpu/cpu_session.hpp"
#include "backend/cpu/eltwise.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"
#include "backend/cpu/wide.hpp"
#include "ops/neuron_terms.hpp"

namespace mpsnn::cpu {
namespace {

using Forward = dnnl::eltwise_forward::primitive_desc;
using Backward = dnnl::eltwise_backward::primitive_desc;

constexpr std::size_t function_cost = 16;  // of one exp or the like, in elements

// Results may overwrite inputs, element by element: `omp simd` says that this is fine. Terms are
// taken by value: behind a reference, y might overwrite their numbers.

template <class Term, class T>
MPSNN_SIMD void values(Term term, const T* x, T* y, std::size_t begin, std::size_t end) {
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) y[i] = term.value(x[i]);
}

/// `v` is x or y, whichever was saved.
template <class Term, class T>
MPSNN_SIMD void slopes(Term term, const T* dy, const T* v, T* dx, std::size_t begin,
                       std::size_t end) {
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) dx[i] = dy[i] * term.slope(v[i]);
}

/// A slope of 0 hands on nothing, also of a dy that is not finite.
template <class T>
MPSNN_SIMD void relu_slopes(const T* dy, const T* y, T* dx, std::size_t begin, std::size_t end) {
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) {
    const float d = dy[i];
    dx[i] = y[i] > 0 ? d : 0;
  }
}

std::size_t cost(const Neuron& neuron) { return is_cheap(neuron) ? 1 : function_cost; }

/// What oneDNN has vectors for and we do not.
std::optional<Eltwise> vectorised(const Neuron& neuron) {
  return is_cheap(neuron) ? std::nullopt : eltwise(neuron);
}

Kernel forward(KernelContext& k) {
  const auto op = k.op<Neuron>();
  const Dim n = k.in_elements(0);
  if (const auto e = vectorised(op)) {
    if (needs_float32(k)) return in_float32(k, k.node, forward);
    CpuSession& session = CpuSession::of(k);
    const MemoryDesc memory = floats({n}, Tag::a, k.in_type(0));
    const Forward desc = need(k, [&] {
      return Forward(session.engine(), dnnl::prop_kind::forward_training, e->forward, memory,
                     memory, e->alpha, e->beta, attributes(), true);
    });
    report(k, desc.impl_info_str());
    Primitive run(desc, {{DNNL_ARG_SRC, memory}, {DNNL_ARG_DST, memory}});
    const Scratch scratch(k, run.scratch_bytes());
    return [&session, run, scratch](const Launch& l) mutable {
      run.run(session.stream(), {l.inputs[0], l.outputs[0]}, scratch.at(l));
    };
  }
  return neuron::with_term<float>(op, [&](auto term) -> Kernel {
    return with_float(k.in_type(0), [&]<class T>(T) -> Kernel {
      return [=, cost = cost(op)](const Launch& l) {
        parallel_for(n, cost, [&](std::size_t begin, std::size_t end) {
          values(term, l.in<T>(0), l.out<T>(0), begin, end);
        });
      };
    });
  });
}

Kernel vectorised_gradient(KernelContext& k, const Eltwise& e, Dim n) {
  CpuSession& session = CpuSession::of(k);
  const MemoryDesc memory = floats({n}, Tag::a, k.in_type(0));
  const Forward hint(session.engine(), dnnl::prop_kind::forward_training, e.forward, memory, memory,
                     e.alpha, e.beta, attributes());
  const Backward desc = need(k, [&] {
    return Backward(session.engine(), e.backward, memory, memory, memory, e.alpha, e.beta, hint,
                    attributes(), true);
  });
  report(k, desc.impl_info_str());
  const int saved = neuron::saves_result(k.op<Neuron>()) ? DNNL_ARG_DST : DNNL_ARG_SRC;
  Primitive run(desc, {{DNNL_ARG_DIFF_DST, memory}, {saved, memory}, {DNNL_ARG_DIFF_SRC, memory}});
  const Scratch scratch(k, run.scratch_bytes());
  return [&session, run, scratch](const Launch& l) mutable {
    run.run(session.stream(), {l.inputs[0], l.inputs[1], l.outputs[0]}, scratch.at(l));
  };
}

template <class T>
Kernel own_gradient(const KernelContext& k) {
  const auto op = k.op<Neuron>();
  const Dim n = k.in_elements(0);
  const auto run = [&](auto part, int saved) -> Kernel {
    return [=, cost = cost(op)](const Launch& l) {
      parallel_for(n, cost, [&](std::size_t begin, std::size_t end) {
        part(l.in<T>(0), l.in<T>(saved), l.out<T>(0), begin, end);
      });
    };
  };
  if (op == Neuron{}) return run(relu_slopes<T>, 1);
  return neuron::with_term<float>(op, [&](auto term) {
    const auto part = [term](const T* dy, const T* v, T* dx, std::size_t begin, std::size_t end) {
      slopes(term, dy, v, dx, begin, end);
    };
    return run(part, op.kind == Neuron::Kind::linear ? 0 : 1);
  });
}

// in: dy, and x or y where the slope is not the same everywhere.  out: dx
Kernel gradient(KernelContext& k) {
  if (const auto e = vectorised(k.op<Neuron>())) {
    if (needs_float32(k)) return in_float32(k, k.node, gradient);
    return vectorised_gradient(k, *e, k.in_elements(0));
  }
  return with_float(k.in_type(0), [&]<class T>(T) { return own_gradient<T>(k); });
}

MPSNN_SIMD void prelu_row(const float* x, const float* slope, float* y, std::size_t channels) {
#pragma omp simd
  for (std::size_t c = 0; c < channels; ++c) y[c] = x[c] < 0 ? slope[c] * x[c] : x[c];
}

// in: x, slope.  out: y
Kernel prelu(KernelContext& k) {
  const std::size_t channels = k.in(1).size(), rows = k.in_elements(0) / channels;
  return [=](const Launch& l) {
    parallel_for(rows, channels, [&](std::size_t begin, std::size_t end) {
      for (std::size_t r = begin * channels; r < end * channels; r += channels)
        prelu_row(l.in<float>(0) + r, l.in<float>(1), l.out<float>(0) + r, channels);
    });
  };
}

/// dx and, where it is not null, what each element adds to the gradient of its slope.
MPSNN_SIMD void prelu_gradient_row(const float* dy, const float* x, const float* slope, float* dx,
                                   float* part, std::size_t channels) {
  if (dx) {
#pragma omp simd
    for (std::size_t c = 0; c < channels; ++c) dx[c] = x[c] < 0 ? slope[c] * dy[c] : dy[c];
  }
  if (part) {
#pragma omp simd
    for (std::size_t c = 0; c < channels; ++c) part[c] = x[c] < 0 ? x[c] * dy[c] : 0;
  }
}

// in: dy, x, slope.  out: dx, dslope
Kernel prelu_gradient(KernelContext& k) {
  const std::size_t channels = k.in(2).size(), rows = k.in_elements(1) / channels;
  const bool by_slope = k.has_out(1);
  const Scratch parts(k, by_slope ? rows * channels * sizeof(float) : 0);
  return [=](const Launch& l) {
    float *dx = wanted<float>(l, 0), *part = by_slope ? parts.at<float>(l) : nullptr;
    parallel_for(rows, channels, [&](std::size_t begin, std::size_t end) {
      for (std::size_t r = begin * channels; r < end * channels; r += channels)
        prelu_gradient_row(l.in<float>(0) + r, l.in<float>(1) + r, l.in<float>(2),
                           dx ? dx + r : nullptr, part ? part + r : nullptr, channels);
    });
    if (part) column_sum(part, rows, channels, l.out<float>(1));
  };
}

}  // namespace

KernelPair neuron_kernels() {
  return {forward, gradient, false, [](const Node&, DType) { return Reduced::follows; }};
}

KernelPair prelu_kernels() { return {prelu, prelu_gradient}; }

}  // namespace mpsnn::cpu
