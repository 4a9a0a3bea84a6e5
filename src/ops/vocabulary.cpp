#include "ops/op_spec.hpp"

namespace mpsnn {
namespace {

template <class T>
concept HasKinds = requires { T::kinds; };

/// One of each kind of T, or a default T.
template <class T>
void append(std::string_view family, std::vector<VocabularyEntry>& out) {
  if constexpr (HasKinds<T>) {
    for (int i = 0; i < T::kinds; ++i) {
      T op;
      op.kind = static_cast<decltype(op.kind)>(i);
      out.push_back({family, op});
    }
  } else {
    out.push_back({family, T{}});
  }
}

template <class... T>
void append_all(OpList<T...>, std::string_view family, std::vector<VocabularyEntry>& out) {
  (append<T>(family, out), ...);
}

}  // namespace

std::vector<VocabularyEntry> vocabulary() {
  std::vector<VocabularyEntry> out;
  append_all(SourceOps{}, "sources", out);
  append_all(ConvolutionOps{}, "convolution", out);
  append_all(PoolingOps{}, "pooling", out);
  append_all(NormalizationOps{}, "normalization", out);
  append_all(NeuronOps{}, "neurons", out);
  append_all(RecurrentOps{}, "recurrent", out);
  append_all(ArithmeticOps{}, "arithmetic", out);
  append_all(LayoutOps{}, "layout", out);
  append_all(SamplingOps{}, "sampling", out);
  append_all(ReductionOps{}, "reductions", out);
  append_all(LossOps{}, "losses", out);
  append_all(UpdateOps{}, "updates", out);
  return out;
}

bool differentiable(const Op& op) { return !spec(op).gradients.empty(); }

bool passes_gradient(const Op& op) { return spec(op).passes_gradient; }

}  // namespace mpsnn
