#include <cstring>

#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/simd.hpp"

namespace mpsnn::cpu {
namespace {

/// Whole runs of memory side by side: how often, and how long each one is.
struct Runs {
  std::size_t outer;
  std::size_t bytes;              // of the concatenation
  std::vector<std::size_t> part;  // bytes of each input
  std::vector<bool> copied;       // not so if it is a part of the concatenation already

  /// `whole` is the concatenation; a gradient node knows the extents of its parts.
  Runs(const KernelContext& k, const Shape& whole) {
    int axis = k.op<Concat>().axis;
    if (axis < 0) axis += whole.rank();
    const std::size_t images = k.graph.desc(k.node.inputs[0]).batched ? k.batch : 1;
    outer = images;
    for (int i = 0; i < axis; ++i) outer *= whole[i];
    bytes = whole.size() * images / outer * size_of(k.in_type(0));
    std::vector<Dim> extents = k.op<Concat>().extents;
    if (!k.node.gradient_of)
      for (ValueId v : k.node.inputs) extents.push_back(k.graph.desc(v).shape[axis]);
    for (Dim extent : extents) part.push_back(bytes / whole[axis] * extent);
    for (ValueId v : k.node.gradient_of ? k.node.outputs : k.node.inputs)
      copied.push_back(v && !k.graph.part(v));
  }
  /// Whether there is anything to do.
  bool any() const { return std::ranges::count(copied, true) > 0; }

  /// Calls f(input, byte of it, byte of the concatenation) for every run to copy.
  template <class F>
  void each(std::size_t begin, std::size_t end, const F& f) const {
    for (std::size_t r = begin; r < end; ++r) {
      std::size_t at = r * bytes;
      for (std::size_t i = 0; i < part.size(); at += part[i++]) {
        if (copied[i]) f(i, r * part[i], at);
      }
    }
  }
};

/// Its producers and readers use the memory of the whole: see place_concats.
Kernel in_place(KernelContext& k) {
  k.implementation = "in place";
  return [](const Launch&) {};
}

Kernel concat(KernelContext& k) {
  const Runs runs(k, k.out(0));
  if (!runs.any()) return in_place(k);
  return [runs](const Launch& l) {
    auto* y = l.out<std::byte>(0);
    parallel_for(runs.outer, runs.bytes / sizeof(float), [&](std::size_t begin, std::size_t end) {
      runs.each(begin, end, [&](std::size_t i, std::size_t from, std::size_t to) {
        std::memcpy(y + to, l.in<std::byte>(i) + from, runs.part[i]);
      });
    });
  };
}

Kernel concat_gradient(KernelContext& k) {
  const Runs runs(k, k.in(0));
  if (!runs.any()) return in_place(k);
  return [runs](const Launch& l) {
    const auto* dy = l.in<std::byte>(0);
    parallel_for(runs.outer, runs.bytes / sizeof(float), [&](std::size_t begin, std::size_t end) {
      runs.each(begin, end, [&](std::size_t i, std::size_t to, std::size_t from) {
        std::memcpy(l.out<std::byte>(i) + to, dy + from, runs.part[i]);
      });
    });
  };
}

template <class From, class To>
Kernel cast_kernel(std::size_t n) {
  return [n](const Launch& l) {
    parallel_for(n, 1, [&](std::size_t begin, std::size_t end) {
      convert(l.in<From>(0) + begin, l.out<To>(0) + begin, end - begin);
    });
  };
}

Kernel cast(KernelContext& k) {
  const std::size_t n = k.in_elements(0);
  switch (k.in_type(0)) {
    case DType::bfloat16:
      return cast_kernel<BFloat16, float>(n);
    case DType::float16:
      return cast_kernel<Float16, float>(n);
    default:
      return k.out_type(0) == DType::float16 ? cast_kernel<float, Float16>(n)
                                             : cast_kernel<float, BFloat16>(n);
  }
}

}  // namespace

KernelPair reshape_kernels() {
  return {[](KernelContext& k) -> Kernel {
            const std::size_t bytes =
                k.in_elements(0) * size_of(k.graph.desc(k.node.inputs[0]).dtype);
            return [bytes](const Launch& l) {
              // The engine gives both the same memory where it can.
              if (l.inputs[0] != l.outputs[0]) std::memcpy(l.outputs[0], l.inputs[0], bytes);
            };
          },
          nullptr, false, [](const Node&, DType) { return Reduced::follows; }};
}

KernelPair stop_gradient_kernels() { return reshape_kernels(); }

KernelPair concat_kernels() {
  return {concat, concat_gradient, false, [](const Node&, DType) { return Reduced::follows; }};
}

KernelPair cast_kernels() { return {cast}; }

}  // namespace mpsnn::cpu
