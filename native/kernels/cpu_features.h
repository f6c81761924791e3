// What the processor can do, as far as anything here depends on it.
#pragma once

namespace llm {

#if defined(_M_X64) || defined(__x86_64__)
inline constexpr bool kX86 = true;
#else
inline constexpr bool kX86 = false;
#endif

// Each is true only where the system saves the registers it needs; all are false where kX86 is.
struct CpuFeatures {
  bool avx2 = false;  // with FMA and F16C, as every such processor has
  bool avx_vnni = false;
  bool avx512_vnni = false;  // with F, BW and VL
};

CpuFeatures cpu_features();

}  // namespace llm
