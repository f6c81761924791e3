// Leaves and bits: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, CPUID.
#include "kernels/cpu_features.h"

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>

#if defined(_M_X64)
#include <immintrin.h>
#include <intrin.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#endif

namespace llm {

#if defined(_M_X64) || defined(__x86_64__)
namespace {

struct Leaf {
  uint32_t a = 0;
  uint32_t b = 0;
  uint32_t c = 0;
  uint32_t d = 0;
};

Leaf cpuid(uint32_t leaf, uint32_t part = 0) {
  Leaf out;
#if defined(_M_X64)
  int registers[4];
  __cpuidex(registers, static_cast<int>(leaf), static_cast<int>(part));
  out = {static_cast<uint32_t>(registers[0]), static_cast<uint32_t>(registers[1]), static_cast<uint32_t>(registers[2]),
         static_cast<uint32_t>(registers[3])};
#else
  __cpuid_count(leaf, part, out.a, out.b, out.c, out.d);
#endif
  return out;
}

// Which registers the system saves.
uint64_t saved_registers() {
#if defined(_M_X64)
  return _xgetbv(0);
#else
  uint32_t low;
  uint32_t high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
#endif
}

bool bit(uint32_t word, int index) { return (word >> index & 1U) != 0; }

}  // namespace

namespace {

CpuFeatures detect() {
  CpuFeatures features;
  if (cpuid(0).a < 7) return features;
  const Leaf basic = cpuid(1);
  if (!bit(basic.c, 27)) return features;  // OSXSAVE
  const uint64_t saved = saved_registers();
  if ((saved & 6) != 6) return features;  // XMM, YMM
  const Leaf extended = cpuid(7);
  const Leaf more = extended.a >= 1 ? cpuid(7, 1) : Leaf{};
  features.avx2 = bit(extended.b, 5) && bit(basic.c, 12) && bit(basic.c, 29);
  features.avx_vnni = features.avx2 && bit(more.a, 4);
  const bool saves_zmm = (saved & 0xe0) == 0xe0;
  features.avx512_vnni = features.avx2 && saves_zmm && bit(extended.b, 16) && bit(extended.b, 30) &&
                         bit(extended.b, 31) && bit(extended.c, 11);
  return features;
}

}  // namespace
#else
namespace {

CpuFeatures detect() { return {}; }

}  // namespace
#endif

CpuFeatures cap(CpuFeatures found, std::string_view level) {
  if (level.empty()) return found;
  if (level == "avx512_core_vnni") return {.avx2 = found.avx2, .avx512_vnni = found.avx512_vnni};
  if (level == "avx2" || level == "avx512_core") return {.avx2 = found.avx2};
  if (level == "avx2_vnni") return {.avx2 = found.avx2, .avx_vnni = found.avx_vnni};
  if (level == "sse41") return {};
  throw std::invalid_argument(
      "OPENVINO_LLM_MAX_CPU_ISA: expected sse41, avx2, avx2_vnni, avx512_core or avx512_core_vnni, found '" +
      std::string(level) + "'");
}

CpuFeatures cpu_features() {
  const char* level = std::getenv("OPENVINO_LLM_MAX_CPU_ISA");
  return cap(detect(), level == nullptr ? "" : level);
}

}  // namespace llm
