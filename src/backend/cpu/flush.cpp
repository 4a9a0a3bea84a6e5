#include "backend/cpu/flush.hpp"

#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace mpsnn::cpu {

#if defined(__x86_64__) && defined(__GNUC__)

namespace {

bool has_clflushopt() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b >> 23 & 1) != 0;
}

__attribute__((target("clflushopt"))) void flush_lines(std::uintptr_t begin, std::uintptr_t end) {
  constexpr std::uintptr_t line = 64;
  for (std::uintptr_t at = begin / line * line; at < end; at += line)
    _mm_clflushopt(reinterpret_cast<void*>(at));
}

}  // namespace

void flush(const float* begin, const float* end) {
  static const bool able = has_clflushopt();
  if (able)
    flush_lines(reinterpret_cast<std::uintptr_t>(begin), reinterpret_cast<std::uintptr_t>(end));
}

#else

void flush(const float*, const float*) {}

#endif

}  // namespace mpsnn::cpu
