#include "backend/kernel_executable.hpp"
#include "mpsnn/errors.hpp"

namespace mpsnn {
namespace {

struct HostTensor {
  std::vector<std::byte> value, gradient;
  DType dtype;
  std::size_t elements;
};

/// Of float32, as every backend that scales the loss has it.
void unscale(HostTensor& tensor, float scale) {
  auto* values = static_cast<float*>(static_cast<void*>(tensor.gradient.data()));
  for (std::size_t i = 0; i < tensor.elements; ++i) values[i] /= scale;
}

}  // namespace

/// Downloads parameters and gradients, lets the source write new values, and
/// uploads them: nothing changes if the source throws.
Kernel host_update(KernelContext& k) {
  const auto op = k.op<HostUpdate>();
  std::vector<HostTensor> tensors;
  for (std::size_t i = 0; i < op.tensors.size(); ++i) {
    const DType dtype = k.session.storage(DType::float32);
    const std::size_t elements = k.in_elements(static_cast<int>(i));
    const std::size_t bytes = elements * size_of(dtype);
    tensors.push_back(
        {std::vector<std::byte>(bytes), std::vector<std::byte>(bytes), dtype, elements});
  }
  std::vector<bool> scaled;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    scaled.push_back(k.is_scaled(static_cast<int>(tensors.size() + i)));
  return [op, tensors, scaled, &memory = k.session.memory()](const Launch& l) mutable {
    std::vector<HostArray> gradients;
    std::vector<HostSpan> values;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      HostTensor& t = tensors[i];
      memory.download(t.value.data(), l.inputs[i], t.value.size());
      memory.download(t.gradient.data(), l.inputs[tensors.size() + i], t.gradient.size());
      if (l.run.scale != 1 && scaled[i]) unscale(t, l.run.scale);
      values.push_back({t.value.data(), t.dtype, t.elements});
      gradients.push_back({t.gradient.data(), t.dtype, t.elements});
    }
    op.source->update(op.tensors, gradients, values);
    for (std::size_t i = 0; i < tensors.size(); ++i)
      memory.upload(l.inputs[i], tensors[i].value.data(), tensors[i].value.size());
  };
}

void DataSource::update(std::span<const SourceTensor>, std::span<const HostArray>,
                        std::span<const HostSpan>) {
  throw Error("this data source has no update");
}

}  // namespace mpsnn
