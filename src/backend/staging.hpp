#pragma once

#include <vector>

#include "backend/kernel_session.hpp"
#include "mpsnn/backend.hpp"

namespace mpsnn {

/// What one node was bound to for one run, where its kernel reads it.
struct Bound {
  const void* data = nullptr;
  DType dtype = DType::float32;
  void* weights = nullptr;  ///< Of labels; null: all 1.
};

/// Memory for what a source node is bound to: one copy per run in flight, so
/// that the caller's arrays are free as soon as `submit` returns. Images that are not `checked` may
/// be lent instead; there is memory for them from the first that are not.
class Staging {
 public:
  Staging(const Graph& graph, const Node& node, int batch, int in_flight, bool checked,
          KernelSession& session);

  /// @throws ShapeError if the binding is missing, of another dtype or size, or
  ///     a class is out of range.
  void check(const Bindings& bindings) const;
  /// Of images alone: a relu turns NaN into 0 on some devices, so that the loss
  /// would not show it while the gradient of the weights is lost.
  /// @throws NumericError naming the first image with a value that is not finite.
  void check_finite(const Bindings& bindings) const;
  /// Copies what `check` accepted, on any thread. Of what is checked, `check_finite` in one go.
  void fill(const Bindings& bindings, int slot);
  /// On the engine's thread: what the kernel reads, uploaded where it must be.
  Bound bound(int slot);
  /// Bytes held, over all slots. Not while one is filled.
  std::size_t bytes() const;

 private:
  struct Slot {
    DeviceBuffer data{nullptr, {}}, weights{nullptr, {}};  // of the host
    std::size_t data_bytes = 0, weights_bytes = 0;         // bound to this run
    const void* lent = nullptr;                            ///< Read instead of `data`.
    DType dtype = DType::float32;
    bool weighted = false;
  };

  const HostArray* find(const Bindings& bindings, ValueId value) const;
  bool accepts(DType dtype) const;
  bool may_read(const HostArray& array) const;
  void require_finite(const HostArray& array, int images) const;
  void check_labels(const HostArray& labels, int images) const;
  void check_size(std::string_view what, const HostArray& array, std::size_t expected) const;

  std::string what_;  ///< For messages: "images", "labels" ...
  ValueId value_, weights_;
  TensorDesc desc_;
  DType dtype_;
  Dim classes_ = 0;        ///< Of labels; else 0.
  Dim image_weights_ = 0;  ///< Weights of one image's labels.
  bool batched_input_ = false;
  bool checked_ = false;  ///< Images whose numbers must be finite.
  KernelSession& session_;
  std::size_t bytes_ = 0, weight_bytes_ = 0;  ///< Of a slot.
  std::shared_ptr<DeviceMemory> host_ = host_memory();
  std::vector<Slot> slots_;  // after host_, which frees them
  DeviceBuffer device_{nullptr, {}}, device_weights_{nullptr, {}};
};

}  // namespace mpsnn
