#include "backend/reference/kernels.hpp"
#include "mpsnn/training.hpp"

namespace mpsnn {
namespace {

/// The definition of every op, which the fast backends must agree with; speed
/// is not a goal. Fuses nothing, so that it also checks the fusions of others.
class ReferenceBackend final : public KernelBackend {
 public:
  std::string_view name() const override { return "reference"; }

  /// Parameter, State and HostUpdate have no row: the engine serves them.
  const Table& kernels() const override {
    using namespace reference;
    static const Table table = {
        // sources
        on<Input>(input_kernels()),
        on<Labels>(labels_kernels()),
        on<Scalar>(scalar_kernels()),
        // convolution
        on<Conv2d>(conv2d_kernels()),
        on<ConvTranspose2d>(conv_transpose2d_kernels()),
        on<Dense>(dense_kernels()),
        // pooling
        on<MaxPool2d>(max_pool2d_kernels()),
        on<AvgPool2d>(avg_pool2d_kernels()),
        on<L2Pool2d>(l2_pool2d_kernels()),
        // normalization
        on<BatchNorm>(batch_norm_kernels()),
        on<FoldBatchNorm>(fold_batch_norm_kernels()),
        on<GroupNorm>(group_norm_kernels()),
        on<LayerNorm>(layer_norm_kernels()),
        on<CrossChannelNorm>(cross_channel_norm_kernels()),
        on<SpatialNorm>(spatial_norm_kernels()),
        on<LocalContrastNorm>(local_contrast_norm_kernels()),
        // neurons
        on<Neuron>(neuron_kernels()),
        on<PRelu>(prelu_kernels()),
        on<Softmax>(softmax_kernels()),
        on<LogSoftmax>(log_softmax_kernels()),
        on<Dropout>(dropout_kernels()),
        // recurrent
        on<Rnn>(rnn_kernels()),
        on<Lstm>(lstm_kernels()),
        on<Gru>(gru_kernels()),
        on<Mgu>(mgu_kernels()),
        // arithmetic
        on<Add>(add_kernels()),
        on<Arithmetic>(arithmetic_kernels()),
        on<MatMul>(matmul_kernels()),
        on<GramMatrix>(gram_matrix_kernels()),
        // layout
        on<Reshape>(reshape_kernels()),
        on<Concat>(concat_kernels()),
        on<Slice>(slice_kernels()),
        on<Pad>(pad_kernels()),
        on<Transpose>(transpose_kernels()),
        on<StopGradient>(stop_gradient_kernels()),
        // sampling
        on<Resize>(resize_kernels()),
        on<CropAndResize>(crop_and_resize_kernels()),
        on<GridSample>(grid_sample_kernels()),
        // reductions
        on<Reduce>(reduce_kernels()),
        on<BatchReduce>(batch_reduce_kernels()),
        // losses
        on<InitialGradient>(initial_gradient_kernels()),
        on<Loss>(loss_kernels()),
        on<YoloLoss>(yolo_loss_kernels()),
        // updates
        on<Running>(running_kernels()),
        on<PrepareGradient>(prepare_gradient_kernels()),
        on<ClipScale>(clip_scale_kernels()),
        on<Accumulate>(accumulate_kernels()),
        on<Sgd>(sgd_kernels()),
        on<RmsProp>(rms_prop_kernels()),
        on<Adam>(adam_kernels()),
    };
    return table;
  }

  Graph prepare(const Graph& graph, std::span<const ValueId> keep,
                const CompileOptions&) const override {
    return eliminate_dead(graph, keep);
  }

  std::shared_ptr<KernelSession> make_session(const SessionOptions& options) const override {
    return std::make_shared<KernelSession>(options, host_memory(), DType::float64);
  }
};

}  // namespace

const Backend& reference_backend() {
  static const ReferenceBackend backend;
  return backend;
}

}  // namespace mpsnn
