#include "cpu.h"

#if defined(_M_X64)
#include <immintrin.h>
#include <intrin.h>
#endif

namespace llm {

#if defined(_M_X64)
bool has_avx2() {
  int leaf[4];
  __cpuid(leaf, 0);
  if (leaf[0] < 7) return false;
  __cpuid(leaf, 1);
  const bool saves_registers = (leaf[2] >> 27 & 1) != 0 && (_xgetbv(0) & 6) == 6;  // the system keeps XMM and YMM
  __cpuidex(leaf, 7, 0);
  return saves_registers && (leaf[1] >> 5 & 1) != 0;
}
#elif defined(__x86_64__)
bool has_avx2() { return __builtin_cpu_supports("avx2") != 0; }
#else
bool has_avx2() { return false; }
#endif

}  // namespace llm
