#include "backend/staging.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "mpsnn/errors.hpp"

namespace mpsnn {
namespace {

std::string name_of(const Node& node) {
  if (!node.label.empty()) return node.label;
  return std::string(name(node.op));
}

void copy(void* to, const HostArray& from) {
  const std::size_t bytes = from.elements * size_of(from.dtype);
  if (bytes) std::memcpy(to, from.data, bytes);
}

template <class T>
void require_finite(const T* data, std::size_t elements, int images, std::string_view what) {
  const std::size_t at =
      std::find_if_not(data, data + elements, [](T x) { return std::isfinite(x); }) - data;
  if (at == elements) return;
  throw NumericError(
      str(what, ": image ", at / (elements / images), " of the batch has a value ", data[at]));
}

}  // namespace

Staging::Staging(const Graph& graph, const Node& node, int batch, int in_flight, bool checked,
                 KernelSession& session)
    : what_(name_of(node)),
      value_(node.outputs[0]),
      dtype_(DType::float32),
      session_(session),
      slots_(in_flight) {
  if (const auto* input = std::get_if<Input>(&node.op)) {
    dtype_ = input->dtype;
    batched_input_ = true;
    checked_ = checked;
  }
  const auto* labels = std::get_if<Labels>(&node.op);
  if (labels) {
    desc_.shape = labels->shape;
    classes_ = desc_.shape.rank() ? desc_.shape[desc_.shape.rank() - 1] : 1;
    image_weights_ = labels->element_weights ? desc_.shape.size() : 1;
    weights_ = node.outputs[1];
  } else {
    desc_ = graph.desc(value_);
  }
  // Room for the widest dtype that `accepts`.
  const std::size_t element = dtype_ == DType::uint8 ? 1 : size_of(session.storage(dtype_));
  bytes_ = desc_.elements(batch) * element;
  weight_bytes_ = batch * image_weights_ * sizeof(float);
  for (Slot& slot : slots_) {
    if (checked_ || !batched_input_) slot.data = host_->buffer(bytes_);
    if (labels) slot.weights = host_->buffer(weight_bytes_);
  }
  if (session.memory().is_host()) return;
  device_ = session.memory().buffer(bytes_);
  if (labels) device_weights_ = session.memory().buffer(weight_bytes_);
}

const HostArray* Staging::find(const Bindings& bindings, ValueId value) const {
  if (!value) return nullptr;
  for (const auto& [id, array] : bindings.inputs) {
    if (id == value) return &array;
  }
  return nullptr;
}

bool Staging::accepts(DType dtype) const {
  return dtype == dtype_ || (dtype == DType::float64 && session_.storage(dtype_) == dtype);
}

void Staging::check_size(std::string_view what, const HostArray& array,
                         std::size_t expected) const {
  if (array.elements != expected)
    throw ShapeError(str(what, ": needs ", expected, " elements, got ", array.elements));
}

void Staging::check(const Bindings& bindings) const {
  if (const HostArray* weights = find(bindings, weights_); weights && weights->data) {
    if (weights->dtype != DType::float32)
      throw ShapeError(str("weights: dtype must be float32, got ", weights->dtype));
    check_size("weights", *weights, bindings.images * image_weights_);
  }
  if (!value_) return;
  const HostArray* array = find(bindings, value_);
  if (!array || !array->data)
    throw ShapeError(classes_ ? str("labels: '", what_, "' is not bound") : what_ + ": not bound");
  if (classes_ > 0) return check_labels(*array, bindings.images);
  if (!accepts(array->dtype))
    throw ShapeError(str(what_, ": dtype must be ", dtype_, ", got ", array->dtype));
  check_size(what_, *array, desc_.elements(bindings.images));
}

void Staging::check_labels(const HostArray& labels, int images) const {
  if (labels.dtype != DType::int32) {
    if (!accepts(labels.dtype))
      throw ShapeError(
          str("labels: dtype must be int32 class indices or float32 distributions, "
              "got ",
              labels.dtype));
    return check_size("labels", labels, desc_.elements(images));
  }
  const Dim rows = desc_.elements(images) / classes_;
  check_size("labels", labels, rows);
  const auto* classes = static_cast<const std::int32_t*>(labels.data);
  for (Dim i = 0; i < rows; ++i) {
    if (classes[i] < 0 || classes[i] >= classes_)
      throw ShapeError(str("labels: class must be 0 to ", classes_ - 1, ", got ", classes[i],
                           " at image ", i / (rows / images)));
  }
}

/// Whether a kernel can read what the caller bound where it lies.
bool Staging::may_read(const HostArray& array) const {
  const auto address = reinterpret_cast<std::uintptr_t>(array.data);
  return batched_input_ && address % size_of(array.dtype) == 0;
}

void Staging::require_finite(const HostArray& array, int images) const {
  if (array.dtype == DType::float32)
    mpsnn::require_finite(static_cast<const float*>(array.data), array.elements, images, what_);
  else if (array.dtype == DType::float64)
    mpsnn::require_finite(static_cast<const double*>(array.data), array.elements, images, what_);
}

void Staging::check_finite(const Bindings& bindings) const {
  if (batched_input_) require_finite(*find(bindings, value_), bindings.images);
}

void Staging::fill(const Bindings& bindings, int index) {
  Slot& slot = slots_[index];
  slot.lent = nullptr;
  if (const HostArray* array = find(bindings, value_)) {
    slot.dtype = array->dtype;
    slot.data_bytes = array->elements * size_of(array->dtype);
    if (checked_ && array->dtype == DType::float32) {
      const auto* from = static_cast<const float*>(array->data);
      if (!session_.copy_finite(from, array->elements, static_cast<float*>(slot.data.get())))
        require_finite(*array, bindings.images);
    } else {
      if (checked_) require_finite(*array, bindings.images);
      if (bindings.lent && may_read(*array)) {
        slot.lent = array->data;
      } else {
        if (!slot.data) slot.data = host_->buffer(bytes_);
        copy(slot.data.get(), *array);
      }
    }
  }
  const HostArray* weights = find(bindings, weights_);
  slot.weighted = weights && weights->data;
  if (!slot.weighted) return;
  slot.weights_bytes = weights->elements * sizeof(float);
  copy(slot.weights.get(), *weights);
}

std::size_t Staging::bytes() const {
  std::size_t sum = 0;
  for (const Slot& slot : slots_)
    sum += (slot.data ? bytes_ : 0) + (slot.weights ? weight_bytes_ : 0);
  return sum;
}

Bound Staging::bound(int index) {
  Slot& slot = slots_[index];
  Bound out{slot.lent ? slot.lent : slot.data.get(), slot.dtype,
            slot.weighted ? slot.weights.get() : nullptr};
  if (!device_) return out;
  session_.memory().upload(device_.get(), out.data, slot.data_bytes);
  out.data = device_.get();
  if (slot.weighted) {
    session_.memory().upload(device_weights_.get(), out.weights, slot.weights_bytes);
    out.weights = device_weights_.get();
  }
  return out;
}

}  // namespace mpsnn
