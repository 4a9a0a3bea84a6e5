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
const Backend& metal_backend();
namespace metal {
std::vector<Device> list_devices();
}
#endif

std::span<const Backend* const> backends() {
  static const std::vector<const Backend*> all = [] {
    std::vector<const Backend*> out;
#if MPSNN_WITH_METAL && defined(__APPLE__)
    if (!metal::list_devices().empty()) out.push_back(&metal_backend());
#endif
#if MPSNN_WITH_CPU
    out.push_back(&cpu_backend());
#endif
#if MPSNN_WITH_METAL && !defined(__APPLE__)
    out.push_back(&metal_backend());  // the stand-in of the tests, slower than both
#endif
    out.push_back(&reference_backend());
    return out;
  }();
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
  for (const Backend* b : backends()) {
#if MPSNN_WITH_METAL
    if (b->name() == "metal") {
      for (Device& gpu : metal::list_devices()) out.push_back(std::move(gpu));
      continue;
    }
#endif
    out.push_back({.backend = std::string(b->name()), .name = "host"});
  }
  return out;
}

namespace {

BackendStatus metal_status() {
#if !MPSNN_WITH_METAL
  return {"metal", false, MPSNN_METAL_REASON};
#elif defined(__APPLE__)
  if (metal::list_devices().empty())
    return {"metal", false, "this machine has no GPU that Metal can use"};
  return {"metal", true, "MPSNNGraph on " + metal::list_devices().front().name};
#else
  return {"metal", true, "over the tests' stand-in for Metal: not for use"};
#endif
}

}  // namespace

std::vector<BackendStatus> backend_status() {
  return {
      metal_status(),
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
