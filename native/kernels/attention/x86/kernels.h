// The attention kernels for x86-64; see kernels/x86/kernels.h.
#pragma once
#include "kernels/attention/kernel.h"
#include "kernels/x86/kernels.h"

#ifdef LLM_X86

namespace llm {

const AttentionKernel& avx2_attention();
const AttentionKernel& avx512_attention();

}  // namespace llm
#endif
