// SiLU gates with AVX2; all kernels for x86-64 share it.
#pragma once
#include "kernels/x86/kernels.h"

#ifdef LLM_X86

namespace llm {

// See Kernel::gate.
void gate(float* gates, const float* ups, size_t count);

}  // namespace llm
#endif
