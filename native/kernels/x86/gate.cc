#include "kernels/x86/gate.h"

#ifdef LLM_X86
#include "kernels/silu.h"

#define LLM_AVX2 LLM_TARGET("avx2,fma")

namespace llm {
namespace {

LLM_AVX2 inline __m256 silu(__m256 value) {
  __m256 t = _mm256_sub_ps(_mm256_setzero_ps(), value);
  // What is no number stays so: of two that cannot be compared the second one is taken.
  t = _mm256_min_ps(_mm256_set1_ps(kMostExponent), t);
  t = _mm256_max_ps(_mm256_set1_ps(kLeastExponent), t);
  const __m256 rounder = _mm256_set1_ps(kRounder);
  const __m256 rounded = _mm256_fmadd_ps(t, _mm256_set1_ps(kLog2E), rounder);
  const __m256 n = _mm256_sub_ps(rounded, rounder);
  __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(kLn2High), t);
  r = _mm256_fnmadd_ps(n, _mm256_set1_ps(kLn2Low), r);
  __m256 series = _mm256_set1_ps(kSeries[0]);
  LLM_UNROLL
  for (int i = 1; i < 6; ++i) series = _mm256_fmadd_ps(series, r, _mm256_set1_ps(kSeries[i]));
  const __m256 one = _mm256_set1_ps(1.F);
  series = _mm256_fmadd_ps(series, r, one);
  series = _mm256_fmadd_ps(series, r, one);
  const __m256i exponent = _mm256_add_epi32(_mm256_castps_si256(rounded), _mm256_set1_epi32(kExponentBias));
  const __m256 power = _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
  return _mm256_div_ps(value, _mm256_fmadd_ps(series, power, one));
}

}  // namespace

LLM_AVX2 void gate(float* gates, const float* ups, size_t count) {
  for (size_t i = 0; i < count; i += 8) {
    const __m256 product = _mm256_mul_ps(silu(_mm256_loadu_ps(gates + i)), _mm256_loadu_ps(ups + i));
    _mm256_storeu_ps(gates + i, product);
  }
}

}  // namespace llm
#endif
