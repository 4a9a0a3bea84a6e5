#pragma once

#include "backend/kernel_backend.hpp"

/// The kernels of the cpu backend, one file per family.
namespace mpsnn::cpu {

/// Output `i`, or null where nobody wants it.
template <class T>
T* wanted(const Launch& l, std::size_t i) {
  return i < l.outputs.size() ? static_cast<T*>(l.outputs[i]) : nullptr;
}

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
KernelPair cast_kernels();
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
KernelPair check_gradients_kernels();
KernelPair sgd_kernels();
KernelPair rms_prop_kernels();
KernelPair adam_kernels();

}  // namespace mpsnn::cpu
