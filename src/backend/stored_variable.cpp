#include "backend/stored_variable.hpp"

#include <algorithm>

namespace mpsnn {

Derived::Derived(DeviceMemory& memory, std::vector<const StoredVariable*> from,
                 std::vector<Variable> outputs)
    : memory_(memory), from_(std::move(from)) {
  for (Variable& info : outputs) {
    auto output = std::make_unique<StoredVariable>();
    output->info = std::move(info);
    output->derived = this;
    output->kept = false;
    outputs_.push_back(std::move(output));
  }
}

std::vector<void*> Derived::inputs_at() const {
  std::vector<void*> out;
  for (const StoredVariable* v : from_) out.push_back(v ? v->buffer.get() : nullptr);
  return out;
}

std::vector<void*> Derived::outputs_at() const {
  std::vector<void*> out;
  for (const auto& v : outputs_) out.push_back(v->buffer.get());
  return out;
}

std::size_t Derived::bytes() const {
  std::size_t sum = 0;
  for (const auto& v : outputs_) sum += v->buffer ? v->bytes() : 0;
  return sum;
}

void Derived::set_compute(Compute compute) {
  if (!compute_) compute_ = std::move(compute);
}

bool Derived::stale() const {
  if (versions_.size() != from_.size()) return true;
  for (std::size_t i = 0; i < from_.size(); ++i) {
    if (from_[i] && versions_[i] != from_[i]->version) return true;
  }
  return false;
}

void Derived::refresh() {
  allocate();
  compute_(*this);
  versions_.clear();
  for (const StoredVariable* v : from_) versions_.push_back(v ? v->version : 0);
  for (const auto& v : outputs_) ++v->version;
}

void Derived::restore() {
  allocate();
  if (!stale()) compute_(*this);
}

void Derived::keep(const StoredVariable& output) {
  find(output).kept = true;
  if (!output.buffer) restore();
}

void Derived::copied(const StoredVariable& output) {
  if (!output.kept) find(output).buffer.reset();
}

StoredVariable& Derived::find(const StoredVariable& output) {
  return **std::ranges::find_if(outputs_, [&](const auto& v) { return v.get() == &output; });
}

void Derived::allocate() {
  for (const auto& v : outputs_) {
    if (!v->buffer) v->buffer = memory_.buffer(v->bytes());
  }
}

}  // namespace mpsnn
