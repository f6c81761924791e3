// Which attention kernel goes with which kernel of matrix products.
#include "kernels/attention/x86/kernels.h"

namespace llm {

size_t code_score_memory(size_t rows, size_t width) {
  constexpr size_t kParts = 9;  // each of which begins a line
  return rows * (kRangeBlocks + 1) * sizeof(float) +
         rows * (width * sizeof(float) + (kMostCodeWidth + 16) * sizeof(int16_t)) +
         width * (3 * sizeof(float) + 2 * sizeof(int16_t)) + kBlockTokens * width * sizeof(int16_t) + kParts * 64;
}

const AttentionKernel& attention_kernel(std::string_view name) {
#ifdef LLM_X86
  if (name == "avx512-vnni") return avx512_attention();
  if (name == "avx2" || name == "avx-vnni") return avx2_attention();
#endif
  return portable_attention();
}

}  // namespace llm
