// What the processor can do.
#pragma once

namespace llm {

#if defined(_M_X64) || defined(__x86_64__)
inline constexpr bool kX86 = true;
#else
inline constexpr bool kX86 = false;
#endif

// False where kX86 is. The system has to support it too.
bool has_avx2();

}  // namespace llm
