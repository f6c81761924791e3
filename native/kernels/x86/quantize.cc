#include "kernels/x86/quantize.h"

#ifdef LLM_X86
#include <cstdint>
#include <limits>

#define LLM_AVX2 LLM_TARGET("avx2,fma")

namespace llm {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

LLM_AVX2 inline float largest_of(__m256 v) {
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  m = _mm_max_ss(m, _mm_shuffle_ps(m, m, 1));
  return _mm_cvtss_f32(m);
}

LLM_AVX2 inline int32_t sum_of(__m256i v) {
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
  return _mm_cvtsi128_si32(s);
}

LLM_AVX2 inline __m256i rounded(const float* x, __m256 inverse) {
  return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x), inverse));
}

}  // namespace

LLM_AVX2 void quantize_row(const float* x, size_t columns, size_t group, size_t span, int8_t* values, float* scales,
                           float* sums) {
  const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
  const __m256i ones8 = _mm256_set1_epi8(1);
  const __m256i ones16 = _mm256_set1_epi16(1);
  // What packing leaves interleaved by 128-bit halves.
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  for (size_t g = 0; g < columns / group; ++g) {
    float sum = 0;
    const size_t group_end = (g + 1) * group;
    for (size_t begin = g * group; begin < group_end;) {
      const size_t end = begin + span < group_end ? begin + span : group_end;
      __m256 most = _mm256_setzero_ps();
      __m256 unordered = _mm256_setzero_ps();  // a maximum forgets what is no number
      for (size_t i = begin; i < end; i += 8) {
        const __m256 eight = _mm256_loadu_ps(x + i);
        most = _mm256_max_ps(most, _mm256_and_ps(magnitude, eight));
        unordered = _mm256_or_ps(unordered, _mm256_cmp_ps(eight, eight, _CMP_UNORD_Q));
      }
      const float largest = largest_of(most);
      const float scale = _mm256_movemask_ps(unordered) != 0 ? kNaN : largest / 127.F;
      const __m256 inverse = _mm256_set1_ps(largest > 0 ? 127.F / largest : 0.F);
      __m256i total = _mm256_setzero_si256();
      for (; begin < end; begin += 32) {
        const __m256i low = _mm256_packs_epi32(rounded(x + begin, inverse), rounded(x + begin + 8, inverse));
        const __m256i high = _mm256_packs_epi32(rounded(x + begin + 16, inverse), rounded(x + begin + 24, inverse));
        const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(values + begin), bytes);
        scales[begin / 32] = scale;
        total = _mm256_add_epi32(total, _mm256_madd_epi16(ones16, _mm256_maddubs_epi16(ones8, bytes)));
      }
      sum = _mm_cvtss_f32(
          _mm_fmadd_ss(_mm_set_ss(scale), _mm_set_ss(static_cast<float>(sum_of(total))), _mm_set_ss(sum)));
    }
    sums[g] = sum;
  }
}

}  // namespace llm
#endif
