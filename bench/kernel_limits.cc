#include "kernel_limits.h"

#include <chrono>

#include "kernels/x86/kernels.h"

#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 takes the undefined registers of its own header for a mistake of ours.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

namespace {

using llm::Kernel;
using llm::Threads;

// Of one task, and of the products that it computes; a task takes about a millisecond.
constexpr size_t kRepetitions = 10000;
constexpr size_t kTasksPerThread = 8;
constexpr double kInputs = 32;  // of one scale

#ifdef LLM_X86

// Sums in flight at once: enough for the longest latency of the instructions, few enough for the registers.
constexpr int kSums = 4;
constexpr int kWideSums = 12;

// LLM_KEEP makes a value unknown to the compiler, which would otherwise compute the same product once.
#define LLM_YMM_MIX LLM_TARGET("avx2,fma")

LLM_YMM_MIX inline __m256i pairs(__m256i& weights, __m256i values) {
  LLM_KEEP(weights);
  return _mm256_maddubs_epi16(weights, values);
}

// Eight products of four inputs each, added up in 16 bits.
LLM_YMM_MIX inline void eight_pairs(__m256i (&sums)[kSums], __m256i& weights, __m256i values) {
  LLM_UNROLL
  for (int i = 0; i < kSums; ++i) sums[i] = pairs(weights, values);
  LLM_UNROLL
  for (int line = 1; line < 8; ++line) {
    LLM_UNROLL
    for (int i = 0; i < kSums; ++i) {
      sums[i] = _mm256_add_epi16(sums[i], pairs(weights, values));
      LLM_KEEP(sums[i]);
    }
  }
}

template <int Bits>
LLM_YMM_MIX void avx2(void*, size_t) {
  __m256i weights = _mm256_set1_epi8(3);
  const __m256i values = _mm256_set1_epi8(5);
  const __m256i ones = _mm256_set1_epi16(1);
  __m256 scale = _mm256_set1_ps(0.5F);
  __m256 total[kSums];
  LLM_UNROLL
  for (int i = 0; i < kSums; ++i) total[i] = _mm256_setzero_ps();
  for (size_t repetition = 0; repetition < kRepetitions; ++repetition) {
    __m256i sums[kSums];
    eight_pairs(sums, weights, values);
    LLM_UNROLL
    for (int i = 0; i < kSums; ++i) sums[i] = _mm256_madd_epi16(sums[i], ones);
    if constexpr (Bits == 8) {
      __m256i high[kSums];
      eight_pairs(high, weights, values);
      LLM_UNROLL
      for (int i = 0; i < kSums; ++i) sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(high[i], ones));
    }
    LLM_UNROLL
    for (int i = 0; i < kSums; ++i) {
      LLM_KEEP(scale);
      total[i] = _mm256_fmadd_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sums[i]), scale), scale, total[i]);
    }
  }
  LLM_UNROLL
  for (int i = 0; i < kSums; ++i) LLM_KEEP(total[i]);
}

LLM_TARGET("avx2,fma,avxvnni") void avx_vnni(void*, size_t) {
  __m256i weights = _mm256_set1_epi8(3);
  const __m256i values = _mm256_set1_epi8(5);
  __m256 scale = _mm256_set1_ps(0.5F);
  __m256 total[kSums];
  LLM_UNROLL
  for (int i = 0; i < kSums; ++i) total[i] = _mm256_setzero_ps();
  for (size_t repetition = 0; repetition < kRepetitions; ++repetition) {
    __m256i sums[kSums];
    LLM_UNROLL
    for (int i = 0; i < kSums; ++i) sums[i] = _mm256_setzero_si256();
    LLM_UNROLL
    for (int line = 0; line < 8; ++line) {
      LLM_UNROLL
      for (int i = 0; i < kSums; ++i) {
        LLM_KEEP(weights);
        sums[i] = _mm256_dpbusd_avx_epi32(sums[i], weights, values);
      }
    }
    LLM_UNROLL
    for (int i = 0; i < kSums; ++i) {
      LLM_KEEP(scale);
      total[i] = _mm256_fmadd_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sums[i]), scale), scale, total[i]);
    }
  }
  LLM_UNROLL
  for (int i = 0; i < kSums; ++i) LLM_KEEP(total[i]);
}

LLM_TARGET("avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma") void avx512_vnni(void*, size_t) {
  __m512i weights = _mm512_set1_epi8(3);
  const __m512i values = _mm512_set1_epi8(5);
  __m512 scale = _mm512_set1_ps(0.5F);
  __m512 total[kWideSums];
  LLM_UNROLL
  for (int i = 0; i < kWideSums; ++i) total[i] = _mm512_setzero_ps();
  for (size_t repetition = 0; repetition < kRepetitions; ++repetition) {
    __m512i sums[kWideSums];
    LLM_UNROLL
    for (int i = 0; i < kWideSums; ++i) sums[i] = _mm512_setzero_si512();
    LLM_UNROLL
    for (int line = 0; line < 8; ++line) {
      LLM_UNROLL
      for (int i = 0; i < kWideSums; ++i) {
        LLM_KEEP(weights);
        sums[i] = _mm512_dpbusd_epi32(sums[i], weights, values);
      }
    }
    LLM_UNROLL
    for (int i = 0; i < kWideSums; ++i) {
      LLM_KEEP(scale);
      total[i] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sums[i]), scale), scale, total[i]);
    }
  }
  LLM_UNROLL
  for (int i = 0; i < kWideSums; ++i) LLM_KEEP(total[i]);
}

double products_per_second(const Threads& threads, void (*loop)(void*, size_t), double outputs) {
  const size_t tasks = threads.count() * kTasksPerThread;
  const auto begin = std::chrono::steady_clock::now();
  threads.run(tasks, loop, nullptr);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return static_cast<double>(tasks * kRepetitions) * kInputs * outputs / seconds;
}

#endif

}  // namespace

Limit measure_limit([[maybe_unused]] const Kernel& kernel, [[maybe_unused]] const Threads& threads) {
#ifdef LLM_X86
  if (&kernel == &llm::avx2_kernel()) {
    return {products_per_second(threads, avx2<4>, 8 * kSums), products_per_second(threads, avx2<8>, 8 * kSums)};
  }
  if (&kernel == &llm::avx_vnni_kernel()) {
    const double rate = products_per_second(threads, avx_vnni, 8 * kSums);
    return {rate, rate};
  }
  if (&kernel == &llm::avx512_vnni_kernel()) {
    const double rate = products_per_second(threads, avx512_vnni, 16 * kWideSums);
    return {rate, rate};
  }
#endif
  return {};
}
