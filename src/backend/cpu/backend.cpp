#include <omp.h>

#include "backend/cpu/cpu_session.hpp"
#include "backend/cpu/eltwise.hpp"
#include "backend/cpu/kernels.hpp"
#include "mpsnn/errors.hpp"
#include "mpsnn/training.hpp"
#include "passes/check_gradients.hpp"
#include "passes/place_concats.hpp"

namespace mpsnn {
namespace {

/// oneDNN for what it has, our own loops for the rest; NHWC throughout.
class CpuBackend final : public KernelBackend {
 public:
  std::string_view name() const override { return "cpu"; }

  const Table& kernels() const override {
    using namespace cpu;
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
        on<Cast>(cast_kernels()),
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
        on<CheckGradients>(check_gradients_kernels()),
        on<Sgd>(sgd_kernels()),
        on<RmsProp>(rms_prop_kernels()),
        on<Adam>(adam_kernels()),
    };
    return table;
  }

  Graph prepare(const Graph& graph, std::span<const ValueId> keep,
                const CompileOptions& options) const override {
    Graph out = graph;
    if (options.optimize) out = fuse(fold_batch_norm(out, keep), keep, can_fuse);
    out = eliminate_dead(out, keep);
    if (const DType values = options.precision.values; values != DType::float32)
      out = reduce_precision(out, keep, values,
                             [&](const Node& node) { return reduced(node, values); });
    if (options.session_options.scale.is_used() && options.loss) out = check_gradients(out);
    if (!options.optimize) return out;
    return place_concats(out, keep, [this](const Node& node) { return is_strided(node); });
  }
  bool has_loss_scale() const override { return true; }
  void check_precision(const Precision& precision) const override {
    const auto [values, gradients] = precision;
    if (values != gradients)
      throw UnsupportedError(
          str("gradient_precision: backend 'cpu' has gradients of the precision ",
              "of the values, ", values, ", not of ", gradients));
  }
  Reduced reduced(const Node& node, DType values) const {
    const auto it = kernels().find(node.op.index());
    return it != kernels().end() && it->second.reduced ? it->second.reduced(node, values)
                                                       : Reduced::never;
  }
  /// What the kernels of the op end with.
  static bool can_fuse(const Op& before, const Neuron& neuron) {
    if (!any_fusion(before, neuron)) return false;
    if (std::holds_alternative<Add>(before)) return cpu::is_cheap(neuron);
    return neuron == Neuron{} || cpu::eltwise(neuron).has_value();
  }
  bool is_strided(const Node& node) const {
    // With running statistics it is oneDNN's alone, whose images are dense.
    if (const auto* norm = std::get_if<BatchNorm>(&node.op); norm && !norm->training) return false;
    const auto it = kernels().find(node.op.index());
    return it != kernels().end() && it->second.strided;
  }
  std::shared_ptr<KernelSession> make_session(const SessionOptions& options) const override {
    return std::make_shared<cpu::CpuSession>(options);
  }
};

std::string_view isa() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "sse41";
    case dnnl::cpu_isa::avx:
      return "avx";
    case dnnl::cpu_isa::avx2:
      return "avx2";
    case dnnl::cpu_isa::avx2_vnni:
      return "avx2_vnni";
    case dnnl::cpu_isa::avx512_core:
      return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "avx512_core_bf16";
    case dnnl::cpu_isa::isa_default:
      return "its own choice of instructions";
    default:
      return "avx512_core_amx or newer";
  }
}

}  // namespace

const Backend& cpu_backend() {
  static const CpuBackend backend;
  return backend;
}

std::string cpu_backend_detail() {
  const dnnl_version_t& v = *dnnl::version();
  return str("oneDNN ", v.major, ".", v.minor, ".", v.patch, ", ", isa(), ", ",
             omp_get_max_threads(), " threads");
}

}  // namespace mpsnn
