// What the processor can do, as far as anything here depends on it.
#pragma once
#include <string_view>

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

// What this processor has, capped at the level that OPENVINO_LLM_MAX_CPU_ISA names: so the tests run as an older
// processor. OpenVINO knows nothing of this variable; its own two are OV_CPU_MAX_ISA and ONEDNN_MAX_CPU_ISA.
CpuFeatures cpu_features();

// Without what a processor of this level lacks. Levels are named as oneDNN names them, in lower case; "" is no cap.
// Throws std::invalid_argument on any other name.
CpuFeatures cap(CpuFeatures found, std::string_view level);

}  // namespace llm
