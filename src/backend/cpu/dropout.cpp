#include "backend/cpu/bfloat16.hpp"
#include "backend/cpu/kernels.hpp"
#include "backend/cpu/primitive.hpp"
#include "backend/cpu/simd.hpp"
#include "ops/broadcast.hpp"
#include "ops/philox.hpp"

namespace mpsnn::cpu {
namespace {

// Philox blocks at once: 65536 elements take 22 us on one AVX-512 core; with 16, whose
// loops the compiler unrolls before it looks for vectors, 42 us, and 400 us one by one.
constexpr std::size_t blocks = 64;
constexpr std::size_t group = 4 * blocks;  // elements that they decide on

struct DropoutRun {
  std::uint32_t threshold, key;
  std::uint64_t step, seed;
  float scale;
};

/// DropoutMask::words of `blocks` blocks from `block` on, element by element.
/// The same integers in another order, so that the compiler uses vectors.
[[gnu::always_inline]] inline void words(const DropoutRun& run, std::uint64_t block,
                                         std::uint32_t* out) {
  std::uint32_t c0[blocks], c1[blocks], c2[blocks], c3[blocks];
#pragma omp simd
  for (std::size_t j = 0; j < blocks; ++j) {
    c0[j] = static_cast<std::uint32_t>(block + j);
    c1[j] = static_cast<std::uint32_t>((block + j) >> 32) ^ run.key;
    c2[j] = static_cast<std::uint32_t>(run.step);
    c3[j] = static_cast<std::uint32_t>(run.step >> 32);
  }
  std::uint32_t k0 = static_cast<std::uint32_t>(run.seed);
  std::uint32_t k1 = static_cast<std::uint32_t>(run.seed >> 32);
  for (int round = 0; round < 10; ++round) {
#pragma omp simd
    for (std::size_t j = 0; j < blocks; ++j) {
      const std::uint64_t a = std::uint64_t{0xD2511F53} * c0[j];
      const std::uint64_t b = std::uint64_t{0xCD9E8D57} * c2[j];
      c0[j] = static_cast<std::uint32_t>(b >> 32) ^ c1[j] ^ k0;
      c1[j] = static_cast<std::uint32_t>(b);
      c2[j] = static_cast<std::uint32_t>(a >> 32) ^ c3[j] ^ k1;
      c3[j] = static_cast<std::uint32_t>(a);
    }
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
#pragma omp simd
  for (std::size_t j = 0; j < blocks; ++j) {
    out[4 * j] = c0[j];
    out[4 * j + 1] = c1[j];
    out[4 * j + 2] = c2[j];
    out[4 * j + 3] = c3[j];
  }
}

/// What the words leave of x.
template <class T>
[[gnu::always_inline]] inline void keep(const DropoutRun& run, const std::uint32_t* word,
                                        const T* x, T* y, std::size_t count) {
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    Floats value;
    Words drawn;
    load(x + i, value);
    std::memcpy(&drawn, word + i, sizeof drawn);
    value = drawn >= run.threshold ? value * run.scale : Floats{};
    store(value, y + i);
  }
  for (; i < count; ++i) y[i] = word[i] >= run.threshold ? x[i] * run.scale : 0.0f;
}

/// Groups `begin` to `end` of the n elements.
template <class T>
MPSNN_SIMD void dropout(const DropoutRun& run, const T* x, T* y, std::uint8_t* mask, std::size_t n,
                        std::size_t begin, std::size_t end) {
  std::uint32_t word[group];
  for (std::size_t g = begin; g < end; ++g) {
    words(run, g * blocks, word);
    const std::size_t at = g * group, count = std::min(group, n - at);
    keep(run, word, x + at, y + at, count);
    if (!mask) continue;
#pragma omp simd
    for (std::size_t i = 0; i < count; ++i) mask[at + i] = word[i] >= run.threshold;
  }
}

template <class T>
MPSNN_SIMD void dropout_gradient(const T* dy, const std::uint8_t* mask, float scale, T* dx,
                                 std::size_t begin, std::size_t end) {
#pragma omp simd
  for (std::size_t i = begin; i < end; ++i) {
    const float d = dy[i] * scale;
    dx[i] = mask[i] ? d : 0;
  }
}

/// The mask alone, as `dropout` draws it.
MPSNN_SIMD void draw(const DropoutRun& run, std::uint8_t* mask, std::size_t n, std::size_t begin,
                     std::size_t end) {
  std::uint32_t word[group];
  for (std::size_t g = begin; g < end; ++g) {
    words(run, g * blocks, word);
    const std::size_t at = g * group, count = std::min(group, n - at);
#pragma omp simd
    for (std::size_t i = 0; i < count; ++i) mask[at + i] = word[i] >= run.threshold;
  }
}

float scale_of(const Dropout& op) { return 1 / (1 - op.rate); }

/// x, or dy, and a mask that has one draw for several of its elements.
Broadcast walk_of(const KernelContext& k, const TensorDesc& x) {
  TensorDesc mask = x;
  mask.shape = mask_shape(k.op<Dropout>(), x.shape);
  return {x, mask, k.batch};
}

bool is_shared(const Broadcast& walk) { return walk.rank > 1 || walk.last().b == 0; }

template <class T>
void apply(const Broadcast& walk, const T* x, const std::uint8_t* mask, float scale, T* y) {
  const Dim n = walk.last().extent;
  parallel_for(walk.rows(), n, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      const Broadcast::Place p = walk.row(static_cast<Dim>(row));
      if (walk.last().b == 1) {
        dropout_gradient(x + p.a, mask + p.b, scale, y + p.a, 0, n);
      } else {
        const bool kept = mask[p.b];
        for (Dim i = 0; i < n; ++i) y[p.a + i] = kept ? x[p.a + i] * scale : 0.0f;
      }
    }
  });
}

/// The mask first, then what it leaves of x; either may be all that is wanted.
template <class T>
Kernel shared_forward(KernelContext& k, const Broadcast& walk) {
  const auto& op = k.op<Dropout>();
  const DropoutMask definition(op.rate, op.key);
  const TensorDesc& x = k.graph.desc(k.node.inputs[0]);
  const std::size_t n =
      TensorDesc{mask_shape(op, x.shape), DType::uint8, x.batched}.elements(k.batch);
  const bool wants_mask = k.has_out(1);
  const Scratch scratch(k, wants_mask ? 0 : n);
  return [=, scale = scale_of(op)](const Launch& l) {
    const DropoutRun run{definition.threshold, definition.key, l.run.step, l.run.seed, scale};
    auto* mask = wants_mask ? l.out<std::uint8_t>(1) : scratch.at<std::uint8_t>(l);
    parallel_for((n + group - 1) / group, 4 * group,
                 [&](std::size_t begin, std::size_t end) { draw(run, mask, n, begin, end); });
    if (auto* y = wanted<T>(l, 0)) apply(walk, l.in<T>(0), mask, scale, y);
  };
}

template <class T>
Kernel forward(KernelContext& k) {
  const Broadcast walk = walk_of(k, k.graph.desc(k.node.inputs[0]));
  if (is_shared(walk) || !k.has_out(0)) return shared_forward<T>(k, walk);
  const auto& op = k.op<Dropout>();
  const DropoutMask definition(op.rate, op.key);
  const float scale = scale_of(op);
  const std::size_t n = k.in_elements(0);
  return [=](const Launch& l) {
    const DropoutRun run{definition.threshold, definition.key, l.run.step, l.run.seed, scale};
    auto* mask = wanted<std::uint8_t>(l, 1);
    parallel_for((n + group - 1) / group, 4 * group, [&](std::size_t begin, std::size_t end) {
      dropout(run, l.in<T>(0), l.out<T>(0), mask, n, begin, end);
    });
  };
}

template <class T>
Kernel gradient(KernelContext& k) {
  const float scale = scale_of(k.op<Dropout>());
  const Broadcast walk = walk_of(k, k.graph.desc(k.node.outputs[0]));
  if (is_shared(walk))
    return [=](const Launch& l) {
      apply(walk, l.in<T>(0), l.in<std::uint8_t>(1), scale, l.out<T>(0));
    };
  const std::size_t n = k.in_elements(0);
  return [=](const Launch& l) {
    parallel_for(n, 1, [&](std::size_t begin, std::size_t end) {
      dropout_gradient(l.in<T>(0), l.in<std::uint8_t>(1), scale, l.out<T>(0), begin, end);
    });
  };
}

}  // namespace

KernelPair dropout_kernels() {
  return {[](KernelContext& k) {
            return with_float(k.in_type(0), [&]<class T>(T) { return forward<T>(k); });
          },
          [](KernelContext& k) {
            return with_float(k.in_type(0), [&]<class T>(T) { return gradient<T>(k); });
          },
          false, [](const Node&, DType) { return Reduced::follows; }};
}

}  // namespace mpsnn::cpu
