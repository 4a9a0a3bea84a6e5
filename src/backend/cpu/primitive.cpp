#include "backend/cpu/primitive.hpp"

#include "backend/cpu/eltwise.hpp"
#include "backend/cpu/lanes.hpp"
#include "mpsnn/errors.hpp"

namespace mpsnn::cpu {
namespace {

void check(dnnl_status_t status) {
  if (status == dnnl_out_of_memory) throw DeviceError("oneDNN: not enough memory");
  if (status != dnnl_success)
    throw DeviceError(str("oneDNN: failed with status ", static_cast<int>(status)));
}

}  // namespace

bool has_512_bits() {
  static const bool has = [] {
    switch (dnnl::get_effective_cpu_isa()) {
      case dnnl::cpu_isa::isa_default:
      case dnnl::cpu_isa::sse41:
      case dnnl::cpu_isa::avx:
      case dnnl::cpu_isa::avx2:
      case dnnl::cpu_isa::avx2_vnni:
      case dnnl::cpu_isa::avx2_vnni_2:
        return false;
      default:
        return true;
    }
  }();
  return has;
}

bool has_bfloat16() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx512_core:
    case dnnl::cpu_isa::avx512_core_vnni:
      return false;
    default:
      return has_512_bits();
  }
}

bool has_float16() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx512_core:
    case dnnl::cpu_isa::avx512_core_vnni:
    case dnnl::cpu_isa::avx512_core_bf16:
      return false;
    default:
      return has_bfloat16();
  }
}

Primitive::Primitive(dnnl::primitive primitive, const dnnl::engine& engine,
                     std::initializer_list<Argument> arguments, const MemoryDesc& scratch)
    : primitive_(std::move(primitive)), scratch_bytes_(scratch.get_size()) {
  const auto add = [&](int index, const MemoryDesc& desc) {
    memory_.emplace_back(desc, engine, nullptr);
    arguments_.push_back({index, memory_.back().get()});
  };
  for (const Argument& a : arguments) {
    given_.push_back(!a.desc.is_zero());
    if (given_.back()) add(a.index, a.desc);
  }
  if (scratch_bytes_ > 0) add(DNNL_ARG_SCRATCHPAD, scratch);
}

void Primitive::set(std::size_t argument, const void* data) {
  // oneDNN does not write to inputs; its API has one kind of pointer.
  check(dnnl_memory_set_data_handle(memory_[argument].get(), const_cast<void*>(data)));
}

void Primitive::run(const dnnl::stream& stream, std::initializer_list<const void*> data,
                    void* scratch) {
  std::size_t argument = 0, position = 0;
  for (const void* d : data) {
    if (given_[position++]) set(argument++, d);
  }
  if (scratch_bytes_ > 0) set(argument, scratch);
  check(dnnl_primitive_execute(primitive_.get(), stream.get(), static_cast<int>(arguments_.size()),
                               arguments_.data()));
}

dnnl::primitive_attr attributes(const Activation& activation) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (activation) {
    const std::optional<Eltwise> e = eltwise(*activation);
    if (!e) throw UnsupportedError(str("oneDNN has no ", name(Op(*activation)), " of its kind"));
    dnnl::post_ops post;
    post.append_eltwise(e->forward, e->alpha, e->beta);
    attr.set_post_ops(post);
  }
  return attr;
}

}  // namespace mpsnn::cpu
