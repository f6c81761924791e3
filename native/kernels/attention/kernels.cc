// Which attention kernel goes with which kernel of matrix products.
#include "kernels/attention/x86/kernels.h"

namespace llm {

const AttentionKernel& attention_kernel(std::string_view name) {
#ifdef LLM_X86
  if (name == "avx512-vnni") return avx512_attention();
  if (name == "avx2" || name == "avx-vnni") return avx2_attention();
#endif
  return portable_attention();
}

}  // namespace llm
