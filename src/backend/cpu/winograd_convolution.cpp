#include "backend/cpu/winograd_convolution.hpp"

#include <optional>

#include "backend/cpu/simd.hpp"
#include "backend/cpu/winograd_filters.hpp"
#include "backend/cpu/winograd_tiles.hpp"

namespace mpsnn::cpu {
namespace {

using winograd::bytes_of;
using winograd::Chunks;
using winograd::FilterPoints;
using winograd::Filters;
using winograd::Grid;
using winograd::most_channels;
using winograd::numbers_in;
using winograd::panel;
using winograd::Points;
using winograd::Room;
using winograd::rounded;

/// What is done with the sums of a tile: bias, and the neuron, which is linear where slope is 1.
struct Finish {
  const float* bias;
  float slope;
};

template <class V, class Form, class T>
MPSNN_SIMD void to_pixels(const Points<>& from, Dim channels, const Finish& finish, Dim first,
                          T* const* pixels) {
  for (Dim c = 0; c < channels; c += lanes_of<V>) {
    V bias;
    load(finish.bias + c, bias);
    winograd::both_axes<V, Form::side, Form::m>(
        [](const auto& x, auto& y) MPSNN_INLINE_LAMBDA { winograd::points_to_pixels(x, y); },
        [&](int i, V& x) MPSNN_INLINE_LAMBDA { load(from.data + i * from.plane + c, x); },
        [&](int i, const V& y) MPSNN_INLINE_LAMBDA {
          const V value = y + bias;
          const V negative = finish.slope == 0 ? V{} : finish.slope * value;
          store(value <= 0 ? negative : value, pixels[i] + first + c);
        });
  }
}

/// y from x, or dx from dy, whose geometry is then the adjoint one. P is what points are in.
template <class T, class P, class Form>
class WinogradConvolution {
 public:
  static constexpr int points = Form::points;

  WinogradConvolution(KernelContext& k, const ConvGeometry& g, ValueId weight, bool backward,
                      float slope)
      : grid_(g, k.batch, Form::side),
        C_(g.C),
        depth_(g.C / numbers_in<P>),
        O_(g.O),
        filters_(g, backward),
        slope_(slope),
        shared_(bytes_of(points, depth_ * O_) > winograd::most_kept),
        chunks_(grid_.tiles(), points, depth_, shared_) {
    const Dim threads = omp_get_max_threads();
    parts_ = std::min((threads + panels() - 1) / panels(), chunks_.size / winograd::rows_at_once);
    const Dim workers = std::min(threads, panels() * parts_);
    images_ = Room<P>(k, shared_ ? 1 : threads, points, chunks_.size * depth_);
    if (!shared_ ||
        (is_kept(k, weight) && winograd::keeps(numbers_in<P> == 2, points, depth_ * O_)))
      filter_points_.emplace(k, filters_, weight);
    else
      panels_ = Room<P>(k, workers, points, filters_.numbers());
    sums_ = Room<>(k, shared_ ? workers : threads, points, chunks_.size * panel);
    outside_ = Scratch(k, threads * O_ * sizeof(T));
    report(k, "mpsnn:winograd");
  }

  void operator()(const Launch& l, const void* x, const void* weight, const float* bias,
                  void* y) const {
    const Job job = {static_cast<const T*>(x), static_cast<const float*>(weight), bias,
                     static_cast<T*>(y), filter_points_ ? filter_points_->kept() : nullptr};
#pragma omp parallel
    if (shared_)
      run_together(l, job);
    else
      run_apart(l, job);
  }

 private:
  struct Job {
    const T* x;
    const float* weight;
    const float* bias;
    T* y;
    const P* filters;  ///< As points, if these are kept.
  };
  Dim panels() const { return filters_.panels(); }

  /// Small filters: all of their points are in memory, and each thread has tiles of its own.
  void run_apart(const Launch& l, const Job& job) const {
    const P* filters = job.filters ? job.filters : filter_points_->make(l, job.weight);
    const Points<P> images = images_.at(l, omp_get_thread_num());
    const Share share(chunks_.count);
    for (Dim i = share.begin; i < share.end; ++i) {
      const Dim first = i * chunks_.size, count = std::min(chunks_.size, grid_.tiles() - first);
      to_points(job.x, first, 0, count, images);
      for (Dim p = 0; p < panels(); ++p)
        finish(l, job, first, count, p, images, filter_points_->at(filters, p));
    }
  }

  /// Large filters: the points of a panel, unless kept, are made where they are used, for all tiles
  /// at once, or for a part of them where there are fewer panels than threads.
  void run_together(const Launch& l, const Job& job) const {
    const Points<P> images = images_.at(l, 0);
    const Points<P> made = job.filters ? Points<P>{} : panels_.at(l, omp_get_thread_num());
    for (Dim i = 0; i < chunks_.count; ++i) {
      const Dim first = i * chunks_.size, count = std::min(chunks_.size, grid_.tiles() - first);
      const Share share(count);
      to_points(job.x, first, share.begin, share.end, images);
#pragma omp barrier
#pragma omp for schedule(static)
      for (Dim work = 0; work < panels() * parts_; ++work) {
        const Dim p = work / parts_, part = work % parts_;
        const Dim begin = rounded(count * part / parts_);
        const Dim end = std::min(count, rounded(count * (part + 1) / parts_));
        if (begin >= end) continue;
        if (!job.filters) filters_.to_points(job.weight, p, made);
        finish(l, job, first + begin, end - begin, p, {images.data + begin * depth_, images.plane},
               job.filters ? filter_points_->at(job.filters, p)
                           : Points<const P>{made.data, made.plane});
      }
    }
  }

  /// Tiles [first + begin, first + end) of x.
  void to_points(const T* x, Dim first, Dim begin, Dim end, const Points<P>& to) const {
    static const T zeros[most_channels] = {};
    const T* pixels[points];
    for (Dim t = begin; t < end; ++t) {
      grid_.x_pixels(x, first + t, zeros, pixels);
      winograd::points_of_x<Form::side>(pixels, 0, C_, Points<P>{to.data + t * depth_, to.plane});
    }
  }

  /// Products of tiles with a panel, and what follows from them.
  void finish(const Launch& l, const Job& job, Dim first, Dim count, Dim p, const Points<P>& images,
              const Points<const P>& filters) const {
    const Points<> sums = sums_.at(l, omp_get_thread_num());
    const Dim width = filters_.columns(p);
    for (int i = 0; i < points; ++i)
      winograd::multiply({images.data + i * images.plane, static_cast<std::size_t>(depth_), 1},
                         filters.data + i * filters.plane, depth_, rounded(count), width, false,
                         sums.data + i * sums.plane);
    alignas(64) float bias[panel] = {};
    if (job.bias) std::copy_n(job.bias + p * panel, width, bias);
    T *outside = outside_.at<T>(l) + omp_get_thread_num() * O_, *pixels[Form::m * Form::m];
    for (Dim t = 0; t < count; ++t) {
      grid_.y_pixels(job.y, first + t, outside, pixels);
      with_lanes([&]<class V>(std::type_identity<V>) {
        to_pixels<V, Form>({sums.data + t * width, sums.plane}, width, {bias, slope_}, p * panel,
                           pixels);
      });
    }
  }

  Grid grid_;
  Dim C_, depth_, O_;  ///< The depth is what C channels are in a product.
  Filters<P, Form> filters_;
  float slope_;
  bool shared_;  ///< See run_together.
  Chunks chunks_;
  Dim parts_;                                           ///< Of a chunk.
  std::optional<FilterPoints<P, Form>> filter_points_;  ///< Or a panel for each thread:
  Room<P> panels_, images_;
  Room<> sums_;
  Scratch outside_;  ///< For the pixels of a tile that y does not have.
};

}  // namespace

bool prefers_winograd(const ConvGeometry& g, Dim batch, DType type, bool kept,
                      const Activation& activation) {
  return (!activation || activation->kind == Neuron::Kind::relu) &&
         winograd::choose(g, batch, type, kept) != winograd::Choice::none;
}
bool prefers_winograd_data_gradient(const ConvGeometry& g, Dim batch, DType type) {
  return winograd::suits_gradient(adjoint(g), batch, type);
}

Kernel winograd_convolution(KernelContext& k, const ConvGeometry& g, const Activation& activation) {
  const auto make = [&]<class T, class P, class Form>(T, P, Form) -> Kernel {
    const WinogradConvolution<T, P, Form> run(k, g, k.node.inputs[1], false,
                                              activation ? activation->a : 1);
    return
        [run](const Launch& l) { run(l, l.inputs[0], l.inputs[1], l.in<float>(2), l.outputs[0]); };
  };
  const bool kept = is_kept(k, k.node.inputs[1]);
  if (winograd::choose(g, k.batch, k.in_type(0), kept) == winograd::Choice::small_pairs)
    return make(BFloat16{}, winograd::Pair{}, winograd::Form<2, 3>{});
  return winograd::with_form(g, k.in_type(0), false, make);
}

Kernel winograd_data_gradient(KernelContext& k, const ConvGeometry& g) {
  return winograd::with_form(
      g, k.in_type(0), winograd::pairs_gradients(g, k.in_type(0)),
      [&]<class T, class P, class Form>(T, P, Form) -> Kernel {
        const WinogradConvolution<T, P, Form> run(k, adjoint(g), k.node.inputs[2], true, 1);
        return [run](const Launch& l) { run(l, l.inputs[0], l.inputs[2], nullptr, l.outputs[0]); };
      });
}

}  // namespace mpsnn::cpu
