#include "backend/metal/host_values.hpp"

#include <algorithm>

#include "ops/broadcast.hpp"
#include "ops/philox.hpp"

namespace mpsnn::metal {
namespace {

template <class T>
std::vector<float> scaled(const HostArray& x, const Input& op) {
  const auto* from = static_cast<const T*>(x.data);
  std::vector<float> out(x.elements);
  std::transform(from, from + x.elements, out.begin(),
                 [&](T v) { return static_cast<float>(v) * op.scale + op.offset; });
  return out;
}

}  // namespace

const HostArray* bound(const Bindings& bindings, ValueId value) {
  for (const auto& [id, array] : bindings.inputs) {
    if (value && id == value && array.data) return &array;
  }
  return nullptr;
}

std::vector<float> input_values(const HostArray& x, const Input& op) {
  switch (x.dtype) {
    case DType::uint8:
      return scaled<std::uint8_t>(x, op);
    case DType::int32:
      return scaled<std::int32_t>(x, op);
    default:
      return scaled<float>(x, op);
  }
}

std::vector<float> labels_of(const HostArray& array, Dim elements, Dim classes) {
  std::vector<float> out(elements);
  if (array.dtype == DType::int32) {
    const auto* index = static_cast<const std::int32_t*>(array.data);
    for (std::size_t i = 0; i < array.elements; ++i) out[i * classes + index[i]] = 1;
  } else {
    std::copy_n(static_cast<const float*>(array.data), elements, out.begin());
  }
  return out;
}

std::optional<float> constant_of(const Node& node, ValueId value, const Bindings& bindings) {
  if (const auto* initial = std::get_if<InitialGradient>(&node.op))
    return initial->batched ? 1 / static_cast<float>(bindings.images) : 1;
  if (std::holds_alternative<Labels>(node.op) && value == node.outputs[1] &&
      !bound(bindings, value))
    return 1;
  return {};
}

void turn_taps(float* weights, Dim elements, Dim taps, Dim inner) {
  for (float* filter = weights; filter < weights + elements; filter += taps * inner)
    for (Dim tap = 0; tap < taps / 2; ++tap)
      std::swap_ranges(filter + tap * inner, filter + (tap + 1) * inner,
                       filter + (taps - 1 - tap) * inner);
}

std::vector<float> mask_of(const Dropout& op, const TensorDesc& x, const RunAt& run) {
  const DropoutMask generator(op.rate, op.key);
  TensorDesc mask = x;
  mask.shape = mask_shape(op, x.shape);
  const auto scale = static_cast<float>(1 / (1 - double{op.rate}));
  std::vector<float> out(x.elements(run.images));
  const Broadcast walk(x, mask, run.images);
  for (Dim row = 0; row < walk.rows(); ++row) {
    const Broadcast::Place p = walk.row(row);
    for (Dim i = 0; i < walk.last().extent; ++i) {
      const Dim e = p.b + i * walk.last().b;
      const auto words = generator.words(e / 4, run.step, run.seed);
      out[p.a + i * walk.last().a] = words[e % 4] >= generator.threshold ? scale : 0;
    }
  }
  return out;
}

}  // namespace mpsnn::metal
