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
        on<Input>(input_kernels()),
        on<Labels>(labels_kernels()),
        on<Scalar>(scalar_kernels()),
        on<Conv2d>(conv2d_kernels()),
        on<Dense>(dense_kernels()),
        on<MaxPool2d>(max_pool2d_kernels()),
        on<AvgPool2d>(avg_pool2d_kernels()),
        on<Relu>(relu_kernels()),
        on<Dropout>(dropout_kernels()),
        on<BatchNorm>(batch_norm_kernels()),
        on<Add>(add_kernels()),
        on<Reshape>(reshape_kernels()),
        on<Concat>(concat_kernels()),
        on<Softmax>(softmax_kernels()),
        on<SoftmaxCrossEntropy>(softmax_cross_entropy_kernels()),
        on<Running>(running_kernels()),
        on<Sgd>(sgd_kernels()),
        on<RmsProp>(rms_prop_kernels()),
        on<Adam>(adam_kernels()),
    };
    return table;
  }

  Graph optimize(const Graph& graph, std::span<const ValueId> keep) const override {
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
