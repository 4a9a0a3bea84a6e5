#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "backend/kernel_session.hpp"
#include "mpsnn/backend.hpp"
#include "mpsnn/errors.hpp"
#include "passes/reduce_precision.hpp"

namespace mpsnn {

/// What differs from run to run.
struct RunInfo {
  int images = 0;          ///< Real images; `batch` minus this many are padding.
  std::uint64_t step = 0;  ///< Training steps completed before this run.
  std::uint64_t seed = 0;
  bool check = false;  ///< A gradient that is not finite must not be applied.
  float scale = 1;     ///< Of the loss: see KernelContext::is_scaled.
};

/// What one execution of a kernel sees. Pointers are the device's, in the order
/// of the node's inputs and outputs; null where absent.
struct Launch {
  std::span<void* const> inputs;
  std::span<void* const> outputs;
  void* scratch;      ///< Of the size the factory asked for.
  const void* bound;  ///< Of a source node: what the caller bound, in its dtype; or null.
  DType bound_dtype;
  const RunInfo& run;

  template <class T>
  const T* in(int i) const {
    return static_cast<const T*>(inputs[i]);
  }
  /// An input that the node updates.
  template <class T>
  T* variable(int i) const {
    return static_cast<T*>(inputs[i]);
  }
  template <class T>
  T* out(int i) const {
    return static_cast<T*>(outputs[i]);
  }
};

using Kernel = std::function<void(const Launch&)>;

/// What an optimizer's kernel throws, having written nothing, where `RunInfo::check` asks for it.
inline NumericError gradient_error(const std::string& parameter) {
  return NumericError("gradient of " + parameter +
                      " is not finite; the step stopped before it, and weights are finite");
}

/// What check_gradients throws: a smaller scale of the loss may help.
class GradientOverflow : public NumericError {
 public:
  explicit GradientOverflow(const std::string& parameter)
      : NumericError("gradient of " + parameter + " is not finite; the step changed no weight") {}
};

/// What a kernel knows when it is built: everything but the data.
struct KernelContext {
  const Graph& graph;
  const Node& node;
  int batch;
  KernelSession& session;
  const std::map<int, const StoredVariable*>& variables;  ///< By value index; see `stored`.
  const std::set<int>& scaled;                            ///< By value index; see `is_scaled`.
  std::size_t scratch_bytes = 0;    ///< Set by the factory if the kernel needs some.
  std::string implementation = {};  ///< Set by the factory where there is a choice.
  /// By value index: inputs that the kernel reads in packed copies alone. Set by the factory; where
  /// they are derived from variables, `Launch::inputs` has null in their place.
  std::set<int> copied = {};

  template <class T>
  const T& op() const {
    return std::get<T>(node.op);
  }
  /// The shape of input / output `i`, without the batch axis.
  const Shape& in(int i) const { return graph.desc(node.inputs[i]).shape; }
  const Shape& out(int i) const { return graph.desc(node.outputs[i]).shape; }
  /// Elements from one row of it to the next.
  Dim in_row(int i) const { return graph.row(node.inputs[i]); }
  Dim out_row(int i) const { return graph.row(node.outputs[i]); }
  /// The variable, or value derived from variables, that `value` is another name of; else null.
  const StoredVariable* stored(ValueId value) const {
    const auto it = variables.find(graph.root(value).index);
    return it == variables.end() ? nullptr : it->second;
  }
  /// Whether input `i` is a gradient of the loss times RunInfo::scale, by which it is to be
  /// divided.
  bool is_scaled(int i) const { return scaled.contains(node.inputs[i].index); }
  DType in_type(int i) const { return graph.desc(node.inputs[i]).dtype; }
  DType out_type(int i) const { return graph.desc(node.outputs[i]).dtype; }
  bool has_in(int i) const { return static_cast<bool>(node.inputs[i]); }
  bool has_out(int i) const { return i < static_cast<int>(node.outputs.size()) && node.outputs[i]; }
  /// Elements of input / output `i`, over the whole batch where it has one.
  Dim in_elements(int i) const { return graph.desc(node.inputs[i]).elements(batch); }
  Dim out_elements(int i) const { return graph.desc(node.outputs[i]).elements(batch); }
};

using KernelFactory = Kernel (*)(KernelContext&);

/// The two kernels of an op; `gradient` is null if the op stops gradients.
struct KernelPair {
  KernelFactory forward;
  KernelFactory gradient = nullptr;
  /// Whether y may be written, and dy read, as a part of another value: see Graph::row.
  bool strided = false;
  /// What the kernels can do in a type of fewer bits than float32. Null: nothing.
  Reduced (*reduced)(const Node&, DType) = nullptr;
};

/// A backend that runs graphs one kernel at a time: reference, cpu, cuda.
/// (metal is not one: MPSNNGraph schedules its own nodes.)
class KernelBackend : public Backend {
 public:
  bool supports(const Node& node) const override;
  std::unique_ptr<Executable> compile(const Graph&, const CompileOptions&) const override;

  /// By Op::index().
  using Table = std::map<std::size_t, KernelPair>;
  virtual const Table& kernels() const = 0;
  /// The graph to run, after dead-node elimination and, where `options` asks for them, the other
  /// passes that this backend wants.
  virtual Graph prepare(const Graph& graph, std::span<const ValueId> keep,
                        const CompileOptions& options) const = 0;
  /// @throws UnsupportedError for what the kernels cannot compute in.
  virtual void check_precision(const Precision& precision) const;
  /// Whether the kernels of gradients and updates know RunInfo::scale.
  virtual bool has_loss_scale() const { return false; }
  virtual std::shared_ptr<KernelSession> make_session(const SessionOptions& options) const = 0;

 protected:
  template <class T>
  static Table::value_type on(KernelPair pair) {
    return {Op(T{}).index(), pair};
  }
};

}  // namespace mpsnn
