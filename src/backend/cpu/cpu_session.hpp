#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/cpu/pack.hpp"
#include "backend/cpu/primitive.hpp"
#include "backend/cpu/team.hpp"
#include "backend/kernel_session.hpp"

namespace mpsnn::cpu {

class CpuSession;

/// From one layout of a weight to another.
class Reorder {
 public:
  Reorder() = default;
  Reorder(const dnnl::engine& engine, const MemoryDesc& from, const MemoryDesc& to);

  std::size_t scratch_bytes() const { return primitive_.scratch_bytes(); }
  void run(const dnnl::stream& stream, const void* from, void* to, void* scratch);
  explicit operator bool() const { return packer_ || primitive_; }

 private:
  std::optional<Packer> packer_;
  Primitive primitive_;
};

/// How a copy of a variable lies: as oneDNN describes it, or by the name of a layout of our own.
struct PackedLayout {
  MemoryDesc desc;
  std::string name;

  bool operator==(const PackedLayout&) const = default;
};

/// A variable in the layout that a kernel wants. Made and read on the engine's
/// thread.
class Packed {
 public:
  using Pack = std::function<void(const void* from, void* to)>;

  Packed(KernelSession& session, const StoredVariable& variable, PackedLayout layout,
         std::size_t bytes, Pack pack);

  /// The values as they are now: packs them again if the variable was written since.
  const void* data();
  const PackedLayout& layout() const { return layout_; }
  std::size_t bytes() const { return bytes_; }

 private:
  const StoredVariable& variable_;
  const PackedLayout layout_;
  const std::size_t bytes_;
  const Pack pack_;
  DeviceBuffer buffer_;
  std::uint64_t version_ = 0;  // of the variable, when it was packed; 0: never
};

/// A session with oneDNN's engine, and weights in the layouts of its primitives:
/// one copy per layout, whichever executables use it.
class CpuSession final : public KernelSession {
 public:
  explicit CpuSession(const SessionOptions& options);

  const dnnl::engine& engine() const { return engine_; }
  const dnnl::stream& stream() const { return stream_; }
  /// Shared by all who ask for this layout, and gone with the last of them.
  std::shared_ptr<Packed> packed(const StoredVariable& variable, const MemoryDesc& canonical,
                                 const MemoryDesc& wanted);
  /// The same for a layout of our own, that `pack` brings it to.
  std::shared_ptr<Packed> packed(const StoredVariable& variable, const std::string& layout,
                                 std::size_t bytes, const Packed::Pack& pack);
  std::size_t packed_bytes() const override;
  void begin_run() override;
  void end_run() override;
  /// See Team::is_apart.
  bool is_apart() { return team_ && team_->is_apart(); }
  bool copy_finite(const float* from, std::size_t n, float* to) override;

  static CpuSession& of(const KernelContext& k) { return static_cast<CpuSession&>(k.session); }

 private:
  std::shared_ptr<Packed> packed(const StoredVariable& variable, const PackedLayout& layout,
                                 std::size_t bytes, const std::function<Packed::Pack()>& make_pack);

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::optional<Team> team_;  ///< Of more threads than one.
  std::map<std::string, std::vector<std::weak_ptr<Packed>>> packed_;
};

/// Whether every run of this graph writes `value`: a packed copy is then never reused.
bool is_updated(const KernelContext& k, ValueId value);
/// Whether runs of this graph find it as the one before left it, so that a packed copy is reused.
bool is_kept(const KernelContext& k, ValueId value);

/// The weight of a node, as one primitive wants it. In its own, canonical layout it
/// is read in place; a variable is packed when it has changed, and the copy kept; anything else is
/// packed at every run, into scratch. So is a variable that every run changes, unless kept is
/// `always`: forward and gradient read it in the same layout then, or it is read often.
class Weight {
 public:
  enum class Kept { always, unchanged };
  Weight() = default;
  Weight(KernelContext& k, ValueId weight, const MemoryDesc& canonical, const MemoryDesc& wanted,
         Kept kept = Kept::always);
  /// Says that the node reads `weight` through this alone.
  void alone(KernelContext& k, ValueId weight) const;
  const void* get(const Launch& l, const void* data);

 private:
  CpuSession* session_ = nullptr;
  std::shared_ptr<Packed> packed_;
  Reorder reorder_;
  Scratch buffer_, scratch_;
};

/// A gradient that a primitive writes in a layout of its own, in scratch, and that
/// is then brought into the canonical one; or is written there at once.
class WeightGradient {
 public:
  WeightGradient() = default;
  WeightGradient(KernelContext& k, const MemoryDesc& canonical, const MemoryDesc& written);
  /// Where the primitive shall write.
  void* target(const Launch& l, void* gradient) const;
  void finish(const Launch& l, void* gradient);

 private:
  CpuSession* session_ = nullptr;
  Reorder reorder_;
  Scratch buffer_, scratch_;
};

}  // namespace mpsnn::cpu
