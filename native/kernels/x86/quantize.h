// Activations to int8 with AVX2; all kernels for x86-64 share it.
#pragma once
#include "kernels/x86/kernels.h"

#ifdef LLM_X86

namespace llm {

// See Kernel::quantize.
void quantize_row(const float* x, size_t columns, size_t group, size_t span, int8_t* values, float* scales,
                  float* sums);

}  // namespace llm
#endif
