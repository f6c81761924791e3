#include "kernels/x86/kernels.h"

#ifdef LLM_X86
#include <cstring>
#include <utility>

#include "kernels/x86/gate.h"
#include "kernels/x86/quantize.h"

#define LLM_YMM LLM_TARGET("avx2,fma,f16c,avxvnni")

namespace llm {
namespace {

#include "kernels/x86/ymm_loads.h"

template <int Bits>
struct Sums {
  __m256i wide;
  LLM_YMM void clear() { wide = _mm256_setzero_si256(); }
  LLM_YMM void add(__m256i both, __m256i low, __m256i high, const int8_t* x) {
    if constexpr (Bits == 4) {
      wide = _mm256_dpbusd_avx_epi32(wide, low, broadcast4(x));
      wide = _mm256_dpbusd_avx_epi32(wide, high, broadcast4(x + 4));
    } else {
      wide = _mm256_dpbusd_avx_epi32(wide, both, broadcast4(x));
    }
    LLM_KEEP(wide);
  }
  LLM_YMM void widen() {}
  LLM_YMM __m256i total() const { return wide; }
};

constexpr size_t kTileRows = 4;

#include "kernels/x86/ymm_tiles.h"

constexpr Kernel kKernel{"avx-vnni", kTileRows, quantize_row, multiply, gate};

}  // namespace

const Kernel& avx_vnni_kernel() { return kKernel; }

}  // namespace llm
#endif
