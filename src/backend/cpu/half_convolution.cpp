#include "backend/cpu/half_convolution.hpp"

#include "backend/cpu/primitive.hpp"
#include "backend/cpu/simd.hpp"
#include "ops/half.hpp"
#include "ops/neuron_terms.hpp"

namespace mpsnn::cpu {
namespace {

/// Output channels that are summed up at once, each a chain of its own.
constexpr Dim block = 64;

/// sum[o] <- half(sum[o] + half(x[c]) * weight[c][o]), for c = 0, 1, ...
MPSNN_SIMD void add_pixel(const float* x, Dim channels, const double* weight, Dim row, double* sum,
                          Dim outputs) {
  for (Dim c = 0; c < channels; ++c) {
    const double value = round_to_half(x[c]);
    for (Dim o = 0; o < outputs; ++o) sum[o] = add_in_half(sum[o], value, weight[c * row + o]);
  }
}

/// The weight (groups, O / groups, taps, C / groups), rounded, as (groups, taps, C / groups,
/// O / groups): a pixel's chains then lie side by side.
void pack(const ConvGeometry& g, const float* weight, double* packed) {
  const Dim O = g.O / g.groups, rows = g.taps() * (g.C / g.groups);
  for (Dim group = 0; group < g.groups; ++group)
    for (Dim o = 0; o < O; ++o)
      for (Dim r = 0; r < rows; ++r)
        packed[(group * rows + r) * O + o] = round_to_half(weight[(group * O + o) * rows + r]);
}

/// Outputs [first, first + count) of one group at one pixel of y.
void sum_up(const ConvGeometry& g, const float* x, const double* weight, Dim row, Dim column,
            Dim group, Dim first, Dim count, double* sum) {
  const Dim C = g.C / g.groups, O = g.O / g.groups;
  std::fill_n(sum, count, 0.0);
  g.each_x(row, column, [&](Dim pixel, Dim tap) {
    add_pixel(x + pixel * g.C + group * C, C, weight + (group * g.taps() + tap) * C * O + first, O,
              sum, count);
  });
}

}  // namespace

Kernel half_convolution(KernelContext& k, const ConvGeometry& g, const Activation& activation) {
  const Scratch scratch(k, static_cast<std::size_t>(g.weight_size()) * sizeof(double));
  k.implementation = "mpsnn half";
  return [g, activation, scratch, rows = k.batch * g.y_height()](const Launch& l) {
    auto* weight = scratch.at<double>(l);
    pack(g, l.in<float>(1), weight);
    const float *xs = l.in<float>(0), *bias = l.in<float>(2);
    const Dim O = g.O / g.groups, height = g.y_height(), width = g.y_width();
    const auto pixel = [&](Dim row, Dim column) {
      const float* x = xs + row / height * g.x_size();
      float* y = l.out<float>(0) + (row * width + column) * g.O;
      double sum[block];
      for (Dim first = 0; first < g.O;) {
        const Dim group = first / O, count = std::min(block, (group + 1) * O - first);
        sum_up(g, x, weight, row % height, column, group, first - group * O, count, sum);
        for (Dim o = 0; o < count; ++o) {
          const auto value = static_cast<float>(sum[o]) + (bias ? bias[first + o] : 0.0f);
          y[first + o] = neuron::activate(activation, value);
        }
        first += count;
      }
    };
    const Dim cost = width * g.weight_size();
    parallel_for(rows, cost, [&](std::size_t begin, std::size_t end) {
      for (std::size_t row = begin; row < end; ++row)
        for (Dim column = 0; column < width; ++column) pixel(static_cast<Dim>(row), column);
    });
  };
}

}  // namespace mpsnn::cpu
