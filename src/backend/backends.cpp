#include <vector>

#include "mpsnn/backend.hpp"
#include "mpsnn/errors.hpp"

namespace mpsnn {

// Each is defined by its own folder. Named here, rather than registered by a
// static constructor, so that a static library keeps them.
const Backend& reference_backend();
#if MPSNN_WITH_CPU
const Backend& cpu_backend();
std::string cpu_backend_detail();
#endif
#if MPSNN_WITH_METAL
namespace metal {
std::vector<Device> list_devices();
}
#endif

std::span<const Backend* const> backends() {
  static const std::vector<const Backend*> all = {
#if MPSNN_WITH_CPU
      &cpu_backend(),
#endif
      &reference_backend(),
  };
  return all;
}

const Backend& backend(std::string_view name) {
  if (name.empty()) return *backends().front();
  std::string known;
  for (const Backend* b : backends()) {
    if (b->name() == name) return *b;
    known += str(known.empty() ? "'" : ", '", b->name(), "'");
  }
  for (const BackendStatus& s : backend_status()) {
    if (s.name == name)
      throw UnsupportedError(
          str("backend: '", name, "' is not in this build (", s.detail, "); it has ", known));
  }
  throw UnsupportedError(str("backend: there is no '", name, "'; this build has ", known));
}

std::vector<Device> devices() {
  std::vector<Device> out;
#if MPSNN_WITH_METAL
  out = metal::list_devices();
#endif
  for (const Backend* b : backends())
    out.push_back({.backend = std::string(b->name()), .name = "host"});
  return out;
}

std::vector<BackendStatus> backend_status() {
  return {
      {"metal", false, "not written yet"},
      {"cuda", false, "not written yet"},
#if MPSNN_WITH_CPU
      {"cpu", true, cpu_backend_detail()},
#else
      {"cpu", false, MPSNN_CPU_REASON},
#endif
      {"reference", true, "plain loops in float64: the definition of every op, slow"},
  };
}

}  // namespace mpsnn
