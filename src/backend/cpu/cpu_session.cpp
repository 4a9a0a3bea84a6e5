#include "backend/cpu/cpu_session.hpp"

#include <omp.h>

#include <algorithm>
#include <atomic>

#include "backend/cpu/finite.hpp"
#include "backend/cpu/simd.hpp"
#include "ops/op_spec.hpp"

namespace mpsnn::cpu {

Reorder::Reorder(const dnnl::engine& engine, const MemoryDesc& from, const MemoryDesc& to)
    : packer_(Packer::make(from, to)) {
  if (packer_) return;
  const dnnl::reorder::primitive_desc desc(engine, from, engine, to, attributes());
  primitive_ = Primitive(desc, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

void Reorder::run(const dnnl::stream& stream, const void* from, void* to, void* scratch) {
  if (packer_)
    packer_->run(static_cast<const float*>(from), static_cast<BFloat16*>(to));
  else
    primitive_.run(stream, {from, to}, scratch);
}

Packed::Packed(KernelSession& session, const StoredVariable& variable, PackedLayout layout,
               std::size_t bytes, Pack pack)
    : variable_(variable),
      layout_(std::move(layout)),
      bytes_(bytes),
      pack_(std::move(pack)),
      buffer_(session.memory().buffer(bytes)) {}

const void* Packed::data() {
  if (version_ == variable_.version) return buffer_.get();
  if (!variable_.buffer) variable_.derived->restore();
  pack_(variable_.buffer.get(), buffer_.get());
  version_ = variable_.version;
  if (variable_.derived) variable_.derived->copied(variable_);
  return buffer_.get();
}

CpuSession::CpuSession(const SessionOptions& options) : KernelSession(options, host_memory()) {
  // OpenMP keeps the number of threads per thread that asks for them.
  int threads = 1;
  queue().run([&] {
    if (options.threads > 0) omp_set_num_threads(options.threads);
    threads = omp_get_max_threads();
  });
  if (threads > 1 && Team::matters) team_.emplace(queue(), threads);
}

std::shared_ptr<Packed> CpuSession::packed(const StoredVariable& variable,
                                           const MemoryDesc& canonical, const MemoryDesc& wanted) {
  return packed(variable, PackedLayout{wanted, {}}, wanted.get_size(), [&]() -> Packed::Pack {
    Reorder reorder(engine_, canonical, wanted);
    const std::shared_ptr<void> scratch = memory().buffer(reorder.scratch_bytes());
    return [this, reorder, scratch](const void* from, void* to) mutable {
      reorder.run(stream_, from, to, scratch.get());
    };
  });
}

std::shared_ptr<Packed> CpuSession::packed(const StoredVariable& variable,
                                           const std::string& layout, std::size_t bytes,
                                           const Packed::Pack& pack) {
  return packed(variable, PackedLayout{{}, layout}, bytes, [&] { return pack; });
}

std::shared_ptr<Packed> CpuSession::packed(const StoredVariable& variable,
                                           const PackedLayout& layout, std::size_t bytes,
                                           const std::function<Packed::Pack()>& make_pack) {
  auto& copies = packed_[variable.info.name];
  std::erase_if(copies, [](const auto& p) { return p.expired(); });
  for (const auto& copy : copies) {
    const auto found = copy.lock();
    if (found && found->layout() == layout) return found;
  }
  auto made = std::make_shared<Packed>(*this, variable, layout, bytes, make_pack());
  copies.push_back(made);
  return made;
}

std::size_t CpuSession::packed_bytes() const {
  std::size_t sum = KernelSession::packed_bytes();
  for (const auto& [name, layouts] : packed_) {
    for (const auto& layout : layouts) {
      if (const auto packed = layout.lock()) sum += packed->bytes();
    }
  }
  return sum;
}

void CpuSession::begin_run() {
  if (team_) team_->begin();
}

void CpuSession::end_run() {
  if (team_) team_->end();
}

bool CpuSession::copy_finite(const float* from, std::size_t n, float* to) {
  // OpenMP would give the caller's thread threads of its own.
  if (!queue().on_thread()) return cpu::copy_finite(from, n, to);
  std::atomic<bool> good = true;
  parallel_for(n, 1, [&](std::size_t begin, std::size_t end) {
    if (!cpu::copy_finite(from + begin, end - begin, to + begin)) good = false;
  });
  return good;
}

bool is_updated(const KernelContext& k, ValueId value) {
  return std::ranges::any_of(k.graph.nodes(), [&](const Node& node) {
    return spec(node.op).writes > 0 && std::ranges::count(node.inputs, value) > 0;
  });
}

bool is_kept(const KernelContext& k, ValueId value) {
  return k.stored(value) && !is_updated(k, value);
}

Weight::Weight(KernelContext& k, ValueId weight, const MemoryDesc& canonical,
               const MemoryDesc& wanted, Kept kept)
    : session_(&CpuSession::of(k)) {
  if (canonical == wanted) return;
  const StoredVariable* variable = k.stored(weight);
  if (variable && (kept == Kept::always || !is_updated(k, weight))) {
    packed_ = session_->packed(*variable, canonical, wanted);
    return;
  }
  reorder_ = Reorder(session_->engine(), canonical, wanted);
  buffer_ = Scratch(k, wanted.get_size());
  scratch_ = Scratch(k, reorder_.scratch_bytes());
}

void Weight::alone(KernelContext& k, ValueId weight) const {
  if (packed_) k.copied.insert(weight.index);
}

const void* Weight::get(const Launch& l, const void* data) {
  if (packed_) return packed_->data();
  if (!reorder_) return data;
  reorder_.run(session_->stream(), data, buffer_.at(l), scratch_.at(l));
  return buffer_.at(l);
}

WeightGradient::WeightGradient(KernelContext& k, const MemoryDesc& canonical,
                               const MemoryDesc& written)
    : session_(&CpuSession::of(k)) {
  if (canonical == written) return;
  reorder_ = Reorder(session_->engine(), written, canonical);
  buffer_ = Scratch(k, written.get_size());
  scratch_ = Scratch(k, reorder_.scratch_bytes());
}

void* WeightGradient::target(const Launch& l, void* gradient) const {
  return reorder_ ? buffer_.at(l) : gradient;
}

void WeightGradient::finish(const Launch& l, void* gradient) {
  if (reorder_) reorder_.run(session_->stream(), buffer_.at(l), gradient, scratch_.at(l));
}

}  // namespace mpsnn::cpu
