#include "backend/cpu/own_convolution.hpp"

#include "backend/cpu/column_sum.hpp"
#include "backend/cpu/simd.hpp"
#include "backend/cpu/sums.hpp"
#include "ops/neuron_terms.hpp"

namespace mpsnn::cpu {
namespace {

/// to[j] += sum over i of from[i] * weight[i][j].
template <class T>
MPSNN_SIMD void add_product(const T* from, Dim rows, const float* weight, Dim row, float* to,
                            Dim columns) {
  for (Dim i = 0; i < rows; ++i) {
    const float value = from[i];
    for (Dim j = 0; j < columns; ++j) to[j] += value * weight[i * row + j];
  }
}

/// to[i][j] += dy[i] * x[j].
template <class T>
MPSNN_SIMD void add_outer(const T* dy, Dim rows, const T* x, Dim columns, float* to, Dim row) {
  for (Dim i = 0; i < rows; ++i) {
    const float value = dy[i];
    for (Dim j = 0; j < columns; ++j) to[i * row + j] += value * x[j];
  }
}

/// The weight (groups, O / groups, taps, C / groups) as (groups, taps, C / groups, O / groups):
/// the outputs of a pixel then lie side by side.
void pack(const ConvGeometry& g, const float* weight, float* packed) {
  const Dim O = g.O / g.groups, rows = g.taps() * (g.C / g.groups);
  for (Dim group = 0; group < g.groups; ++group)
    for (Dim o = 0; o < O; ++o)
      for (Dim r = 0; r < rows; ++r)
        packed[(group * rows + r) * O + o] = weight[(group * O + o) * rows + r];
}

/// Pixel (row, column) of y, but for the bias.
template <class T>
void sum_to_y(const ConvGeometry& g, const T* x, const float* packed, Dim row, Dim column,
              float* y) {
  const Dim C = g.C / g.groups, O = g.O / g.groups;
  g.each_x(row, column, [&](Dim pixel, Dim tap) {
    for (Dim group = 0; group < g.groups; ++group)
      add_product(x + pixel * g.C + group * C, C, packed + (group * g.taps() + tap) * C * O, O,
                  y + group * O, O);
  });
}

/// Pixel (row, column) of dx.
template <class T>
void sum_to_x(const ConvGeometry& g, const T* dy, const float* weight, Dim row, Dim column,
              float* dx) {
  const Dim C = g.C / g.groups, O = g.O / g.groups, filter = g.taps() * C;
  g.each_y(row, column, [&](Dim pixel, Dim tap) {
    for (Dim group = 0; group < g.groups; ++group)
      add_product(dy + pixel * g.O + group * O, O, weight + group * O * filter + tap * C, filter,
                  dx + group * C, C);
  });
}

/// What one pixel of y, whose gradient is dy, adds to filters [first, last) of dweight.
template <class T>
void add_to_weight(const ConvGeometry& g, const T* x, const T* dy, Dim row, Dim column, Dim first,
                   Dim last, float* dweight) {
  const Dim C = g.C / g.groups, O = g.O / g.groups, filter = g.taps() * C;
  g.each_x(row, column, [&](Dim pixel, Dim tap) {
    for (Dim o = first; o < last;) {
      const Dim group = o / O, end = std::min(last, (group + 1) * O);
      add_outer(dy + o, end - o, x + pixel * g.C + group * C, C, dweight + o * filter + tap * C,
                filter);
      o = end;
    }
  });
}

/// Calls f(image, row, column) for all pixels of `height` x `width` images, on all threads.
template <class F>
void each_pixel(Dim images, Dim height, Dim width, Dim cost, const F& f) {
  parallel_for(static_cast<std::size_t>(images * height), static_cast<std::size_t>(width * cost),
               [&](std::size_t begin, std::size_t end) {
                 for (Dim r = static_cast<Dim>(begin); r < static_cast<Dim>(end); ++r)
                   for (Dim column = 0; column < width; ++column) f(r / height, r % height, column);
               });
}

template <class T>
Kernel forward(KernelContext& k, const ConvGeometry& g, const Activation& activation) {
  const Scratch scratch(k, static_cast<std::size_t>(g.weight_size()) * sizeof(float));
  const Sums<T> sums(k, g.O);
  return [g, activation, scratch, sums, N = k.batch](const Launch& l) {
    auto* packed = scratch.at<float>(l);
    pack(g, l.in<float>(1), packed);
    const float* bias = l.in<float>(2);
    const auto pixel = [&](Dim n, Dim row, Dim column) {
      T* y = l.out<T>(0) + ((n * g.y_height() + row) * g.y_width() + column) * g.O;
      float* sum = sums.begin(l, y);
      for (Dim o = 0; o < g.O; ++o) sum[o] = bias ? bias[o] : 0;
      sum_to_y(g, l.in<T>(0) + n * g.x_size(), packed, row, column, sum);
      for (Dim o = 0; activation && o < g.O; ++o) sum[o] = neuron::activate(activation, sum[o]);
      sums.end(sum, y);
    };
    each_pixel(N, g.y_height(), g.y_width(), g.weight_size(), pixel);
  };
}

template <class T>
Kernel data_gradient(KernelContext& k, const ConvGeometry& g) {
  const Sums<T> sums(k, g.C);
  return [g, sums, N = k.batch](const Launch& l) {
    const float* weight = l.in<float>(2);
    const auto pixel = [&](Dim n, Dim row, Dim column) {
      T* dx = l.out<T>(0) + ((n * g.x_height() + row) * g.x_width() + column) * g.C;
      float* sum = sums.begin(l, dx);
      std::fill_n(sum, g.C, 0.0f);
      sum_to_x(g, l.in<T>(0) + n * g.y_size(), weight, row, column, sum);
      sums.end(sum, dx);
    };
    each_pixel(N, g.x_height(), g.x_width(), g.weight_size(), pixel);
  };
}

template <class T>
Kernel weight_gradient(KernelContext& k, const ConvGeometry& g) {
  const Dim pixels = k.batch * g.y_height() * g.y_width(), filter = g.weight_size() / g.O;
  return [g, N = k.batch, pixels, filter](const Launch& l) {
    const T *dys = l.in<T>(0), *xs = l.in<T>(1);
    float *dweight = l.out<float>(1), *dbias = wanted<float>(l, 2);
    if (dbias) column_sum(dys, pixels, g.O, dbias);
    parallel_for(g.O, pixels * filter, [&](std::size_t begin, std::size_t end) {
      const Dim first = static_cast<Dim>(begin), last = static_cast<Dim>(end);
      std::fill_n(dweight + first * filter, (last - first) * filter, 0.0f);
      const T* dy = dys;
      for (Dim n = 0; n < N; ++n)
        for (Dim row = 0; row < g.y_height(); ++row)
          for (Dim column = 0; column < g.y_width(); ++column, dy += g.O)
            add_to_weight(g, xs + n * g.x_size(), dy, row, column, first, last, dweight);
    });
  };
}

}  // namespace

Kernel own_convolution(KernelContext& k, const ConvGeometry& g, const Activation& activation) {
  report(k, "mpsnn");
  return with_float(k.in_type(0), [&]<class T>(T) { return forward<T>(k, g, activation); });
}

Kernel own_data_gradient(KernelContext& k, const ConvGeometry& g) {
  report(k, "mpsnn");
  return with_float(k.in_type(0), [&]<class T>(T) { return data_gradient<T>(k, g); });
}

Kernel own_weight_gradient(KernelContext& k, const ConvGeometry& g) {
  report(k, "mpsnn");
  return with_float(k.in_type(0), [&]<class T>(T) { return weight_gradient<T>(k, g); });
}

}  // namespace mpsnn::cpu
