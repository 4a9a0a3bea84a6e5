#pragma once

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "backend/kernel_backend.hpp"
#include "mpsnn/errors.hpp"
#include "oneapi/dnnl/dnnl.hpp"

namespace mpsnn::cpu {

using MemoryDesc = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;

/// oneDNN's name for a type of the graph's floats.
inline dnnl::memory::data_type type_of(DType dtype) {
  if (dtype == DType::bfloat16) return dnnl::memory::data_type::bf16;
  return dtype == DType::float16 ? dnnl::memory::data_type::f16 : dnnl::memory::data_type::f32;
}
/// Floats of these extents, in rows or in memory as `tag` or `strides` have it.
inline MemoryDesc floats(const dnnl::memory::dims& dims, Tag tag, DType dtype = DType::float32) {
  return {dims, type_of(dtype), tag};
}
inline MemoryDesc floats(const dnnl::memory::dims& dims, const dnnl::memory::dims& strides) {
  return {dims, dnnl::memory::data_type::f32, strides};
}
/// Bytes of an element.
inline std::size_t element_size(const MemoryDesc& desc) {
  return dnnl::memory::data_type_size(desc.get_data_type());
}
/// Whether there are instructions for products of bfloat16: AVX512-BF16 or AMX. With AVX-512 alone
/// oneDNN has products too, by conversions in registers; networks take up to 3.4 times as long by
/// them as in float32 between conversions of all values.
bool has_bfloat16();
/// Whether it has some for float16: with AVX512-FP16. They multiply and add up in float32.
bool has_float16();

/// A oneDNN primitive with its arguments set up once, so that running it allocates
/// nothing of ours. Default-constructed: absent.
class Primitive {
 public:
  /// An argument of an empty `desc`, such as a bias that is not there, is left out.
  struct Argument {
    int index;
    MemoryDesc desc;
  };

  Primitive() = default;
  /// `desc` is a primitive descriptor made with `attributes()`.
  template <class Desc>
  Primitive(const Desc& desc, std::initializer_list<Argument> arguments)
      : Primitive(dnnl::primitive(desc.get()), desc.get_engine(), arguments,
                  desc.scratchpad_desc()) {}

  /// Bytes that `run` wants as scratch.
  std::size_t scratch_bytes() const { return scratch_bytes_; }
  /// `data` in the order of the arguments given to the constructor, all of them.
  /// @throws DeviceError if oneDNN fails.
  void run(const dnnl::stream& stream, std::initializer_list<const void*> data, void* scratch);

  explicit operator bool() const { return static_cast<bool>(primitive_); }

 private:
  Primitive(dnnl::primitive primitive, const dnnl::engine& engine,
            std::initializer_list<Argument> arguments, const MemoryDesc& scratch);
  void set(std::size_t argument, const void* data);

  dnnl::primitive primitive_;
  std::size_t scratch_bytes_ = 0;
  std::vector<dnnl::memory> memory_;
  std::vector<dnnl_exec_arg_t> arguments_;
  std::vector<bool> given_;  // by argument of the constructor: not left out
};

/// With scratch memory of our own, and a neuron of the result, one that `eltwise` knows.
dnnl::primitive_attr attributes(const Activation& activation = {});

/// Whether oneDNN means to run this in its slow definition.
inline bool is_reference(std::string_view implementation) {
  return implementation.find("ref") != std::string_view::npos;
}

/// The first implementation, oneDNN's order being from fast to slow, that is
/// neither the reference one nor contains `avoid`; else the first that there is.
/// Empty if there is none.
template <class Make>
auto fastest(const Make& make, std::string_view avoid = "ref") {
  auto desc = make();
  if (!desc) return desc;
  do {
    const std::string_view name = desc.impl_info_str();
    if (!is_reference(name) && name.find(avoid) == std::string_view::npos) return desc;
  } while (desc.next_impl());
  return make();
}

/// The same, for an op that has no other way. @throws UnsupportedError naming `node`.
template <class Make>
auto need(const KernelContext& k, const Make& make, std::string_view avoid = "ref") {
  auto desc = fastest(make, avoid);
  if (!desc) throw UnsupportedError(str("oneDNN cannot run ", k.graph.print(k.node)));
  return desc;
}

/// Adds to what the node reports as its implementation.
inline void report(KernelContext& k, std::string_view name) {
  if (!k.implementation.empty()) k.implementation += " + ";
  k.implementation += name;
}

/// A part of a node's scratch memory, on its own cache lines.
class Scratch {
 public:
  Scratch() = default;
  Scratch(KernelContext& k, std::size_t bytes) : offset_((k.scratch_bytes + 63) / 64 * 64) {
    if (bytes > 0) k.scratch_bytes = offset_ + bytes;
  }
  template <class T = void>
  T* at(const Launch& l) const {
    return l.scratch ? static_cast<T*>(static_cast<void*>(static_cast<char*>(l.scratch) + offset_))
                     : nullptr;
  }

 private:
  std::size_t offset_ = 0;
};

/// For parts of a kernel that run one after the other: what they ask for as scratch lies in the
/// same place.
class Turns {
 public:
  explicit Turns(KernelContext& k) : k_(k), begin_(k.scratch_bytes) {}
  /// The kernel of a part that `make` gives.
  template <class Make>
  Kernel operator()(const Make& make) {
    const std::size_t end = std::exchange(k_.scratch_bytes, begin_);
    Kernel part = make();
    k_.scratch_bytes = std::max(end, k_.scratch_bytes);
    return part;
  }

 private:
  KernelContext& k_;
  const std::size_t begin_;
};

}  // namespace mpsnn::cpu
