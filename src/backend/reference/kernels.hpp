#pragma once

#include <algorithm>

#include "backend/kernel_backend.hpp"
#include "mpsnn/errors.hpp"

/// The reference kernels: plain loops, each the definition of its op. Every
/// floating value is a double here (KernelSession stores float32 as float64),
/// masks are uint8, positions uint8 or int32. A kernel runs the whole batch:
/// what padding images hold reaches no real one, because their loss weighs 0.
namespace mpsnn::reference {

// sources
KernelPair input_kernels();
KernelPair labels_kernels();
KernelPair scalar_kernels();
// convolution
KernelPair conv2d_kernels();
KernelPair conv_transpose2d_kernels();
KernelPair dense_kernels();
// pooling
KernelPair max_pool2d_kernels();
KernelPair avg_pool2d_kernels();
KernelPair l2_pool2d_kernels();
// normalization
KernelPair batch_norm_kernels();
KernelPair fold_batch_norm_kernels();
KernelPair group_norm_kernels();
KernelPair layer_norm_kernels();
KernelPair cross_channel_norm_kernels();
KernelPair spatial_norm_kernels();
KernelPair local_contrast_norm_kernels();
// neurons
KernelPair neuron_kernels();
KernelPair prelu_kernels();
KernelPair softmax_kernels();
KernelPair log_softmax_kernels();
KernelPair dropout_kernels();
// recurrent
KernelPair rnn_kernels();
KernelPair lstm_kernels();
KernelPair gru_kernels();
KernelPair mgu_kernels();
// arithmetic
KernelPair add_kernels();
KernelPair arithmetic_kernels();
KernelPair matmul_kernels();
KernelPair gram_matrix_kernels();
// layout
KernelPair reshape_kernels();
KernelPair concat_kernels();
KernelPair slice_kernels();
KernelPair pad_kernels();
KernelPair transpose_kernels();
KernelPair stop_gradient_kernels();
// sampling
KernelPair resize_kernels();
KernelPair crop_and_resize_kernels();
KernelPair grid_sample_kernels();
// reductions
KernelPair reduce_kernels();
KernelPair batch_reduce_kernels();
// losses
KernelPair initial_gradient_kernels();
KernelPair loss_kernels();
KernelPair yolo_loss_kernels();
// updates
KernelPair running_kernels();
KernelPair prepare_gradient_kernels();
KernelPair clip_scale_kernels();
KernelPair accumulate_kernels();
KernelPair sgd_kernels();
KernelPair rms_prop_kernels();
KernelPair adam_kernels();

/// Calls f(i) for i in [0, n), for kernels that are templates of two backends.
inline constexpr auto one_by_one = [](Dim n, Dim, const auto& f) {
  for (Dim i = 0; i < n; ++i) f(i);
};

/// An output, or null where nobody wants it.
inline double* wanted(const Launch& l, std::size_t i) {
  return i < l.outputs.size() ? l.out<double>(static_cast<int>(i)) : nullptr;
}

/// Sets to zero an output that is then summed into; does nothing if it is null.
inline void clear(double* out, Dim size) {
  if (out) std::fill_n(out, size, 0.0);
}

/// f(x) of the neuron; x itself where there is none.
double activate(const Activation& neuron, double x);

/// The gradient of a fused neuron needs y, which conv2d and dense do not save. The
/// fuse pass leaves relu's gradient a node of its own.
inline void require_no_neuron(const KernelContext& k, const Activation& activation) {
  if (activation)
    throw UnsupportedError(str(k.graph.print(k.node), ": has no gradient with a fused neuron"));
}

}  // namespace mpsnn::reference
