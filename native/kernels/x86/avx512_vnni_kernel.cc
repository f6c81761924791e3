#include "kernels/x86/kernels.h"

#ifdef LLM_X86
#include <cstring>
#include <utility>

#include "kernels/x86/gate.h"
#include "kernels/x86/quantize.h"

#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 takes the undefined registers of its own header for a mistake of ours.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#define LLM_AVX512 LLM_TARGET("avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")

namespace llm {
namespace {

LLM_AVX512 inline __m512i broadcast4(const int8_t* from) {
  int32_t four;
  std::memcpy(&four, from, sizeof four);
  return _mm512_set1_epi32(four);
}

LLM_AVX512 inline __m512 halves(const uint8_t* from) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

// A tile of Rows rows. The integer products of one span fit one accumulator per row. A tile of few rows has two for
// each: one sum after the other would take longer than the weights take to come from memory.
template <int Rows, int Bits>
LLM_AVX512 void tile(const PackedWeights& weights, const uint8_t* lines, const int8_t* values, const float* scales,
                     const float* sums, const Activations& a, float* out) {
  const __m512i low_halves = _mm512_set1_epi8(15);
  const size_t group = weights.group();
  const size_t scale_stride = a.columns / 32;
  const size_t group_lines = weights.group_bytes() - PackedWeights::kLine;
  constexpr int kSums = Rows <= 4 ? 2 : 1;
  __m512 total[Rows];
  LLM_UNROLL
  for (int i = 0; i < Rows; ++i) total[i] = _mm512_setzero_ps();
  for (size_t g = 0; g < a.groups; ++g, values += group, scales += group / 32) {
    const __m512 scale = halves(lines + group_lines);
    const __m512 offset = _mm512_mul_ps(halves(lines + group_lines + 32), scale);
    for (size_t begin = 0; begin < group;) {
      const size_t end = begin + a.span < group ? begin + a.span : group;
      const float* steps = scales + begin / 32;
      __m512i sum[Rows][kSums];
      for (auto& of_row : sum) {
        for (auto& some : of_row) some = _mm512_setzero_si512();
      }
      for (; begin < end; begin += 32) {
        constexpr int kLines = Bits;  // of 32 inputs: 4 or 8
        constexpr int kStep = 32 / kLines;
        LLM_UNROLL
        for (int line = 0; line < kLines; ++line, lines += PackedWeights::kLine) {
          if constexpr (Rows <= kStreamedRows)
            _mm_prefetch(reinterpret_cast<const char*>(lines) + kAhead<Rows>, _MM_HINT_T0);
          const __m512i both = _mm512_loadu_si512(lines);
          const int8_t* x = values + begin + static_cast<size_t>(line) * kStep;
          if constexpr (Bits == 4) {
            const __m512i low = _mm512_and_si512(both, low_halves);
            const __m512i high = _mm512_and_si512(_mm512_srli_epi16(both, 4), low_halves);
            LLM_UNROLL
            for (int i = 0; i < Rows; ++i) {
              const int8_t* xi = x + static_cast<size_t>(i) * a.columns;
              sum[i][0] = _mm512_dpbusd_epi32(sum[i][0], low, broadcast4(xi));
              sum[i][kSums - 1] = _mm512_dpbusd_epi32(sum[i][kSums - 1], high, broadcast4(xi + 4));
            }
          } else {
            LLM_UNROLL
            for (int i = 0; i < Rows; ++i) {
              __m512i& some = sum[i][line % kSums];
              some = _mm512_dpbusd_epi32(some, both, broadcast4(x + static_cast<size_t>(i) * a.columns));
            }
          }
        }
      }
      LLM_UNROLL
      for (int i = 0; i < Rows; ++i) {
        const __m512 step = _mm512_set1_ps(steps[static_cast<size_t>(i) * scale_stride]);
        const __m512i whole = kSums == 1 ? sum[i][0] : _mm512_add_epi32(sum[i][0], sum[i][kSums - 1]);
        total[i] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(whole), step), scale, total[i]);
      }
    }
    lines += PackedWeights::kLine;
    LLM_UNROLL
    for (int i = 0; i < Rows; ++i) {
      total[i] = _mm512_fnmadd_ps(offset, _mm512_set1_ps(sums[static_cast<size_t>(i) * a.groups + g]), total[i]);
    }
  }
  LLM_UNROLL
  for (int i = 0; i < Rows; ++i) _mm512_storeu_ps(out + i * 16, total[i]);
}

// The same with f32 activations: each input's weights become f32 and are multiplied in the order of the inputs.
template <int Rows, int Bits>
LLM_AVX512 void float_tile(const PackedWeights& weights, const uint8_t* lines, const float* values, const float* sums,
                           const Activations& a, float* out) {
  const __m512i mask = _mm512_set1_epi32(Bits == 4 ? 15 : 255);
  constexpr size_t kStep = Bits == 4 ? 8 : 4;
  __m512 total[Rows];
  LLM_UNROLL
  for (int i = 0; i < Rows; ++i) total[i] = _mm512_setzero_ps();
  for (size_t g = 0; g < a.groups; ++g) {
    __m512 product[Rows];
    LLM_UNROLL
    for (int i = 0; i < Rows; ++i) product[i] = _mm512_setzero_ps();
    for (size_t k = 0; k < weights.group(); k += kStep, values += kStep, lines += PackedWeights::kLine) {
      const __m512i line = _mm512_loadu_si512(lines);
      LLM_UNROLL
      for (unsigned j = 0; j < kStep; ++j) {
        const unsigned shift = Bits == 4 ? j % 4 * 8 + j / 4 * 4 : j * 8;
        const __m512 weight = _mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srli_epi32(line, shift), mask));
        LLM_UNROLL
        for (int i = 0; i < Rows; ++i) {
          const __m512 x = _mm512_set1_ps(values[static_cast<size_t>(i) * a.columns + j]);
          product[i] = _mm512_fmadd_ps(weight, x, product[i]);
        }
      }
    }
    const __m512 scale = halves(lines);
    const __m512 offset = _mm512_mul_ps(halves(lines + 32), scale);
    lines += PackedWeights::kLine;
    LLM_UNROLL
    for (int i = 0; i < Rows; ++i) {
      total[i] = _mm512_fmadd_ps(product[i], scale, total[i]);
      total[i] = _mm512_fnmadd_ps(offset, _mm512_set1_ps(sums[static_cast<size_t>(i) * a.groups + g]), total[i]);
    }
  }
  LLM_UNROLL
  for (int i = 0; i < Rows; ++i) _mm512_storeu_ps(out + i * 16, total[i]);
}

constexpr size_t kTileRows = 12;

#include "kernels/x86/multiply.h"

constexpr Kernel kKernel{"avx512-vnni", kTileRows, quantize_row, multiply, gate};

}  // namespace

const Kernel& avx512_vnni_kernel() { return kKernel; }

}  // namespace llm
#endif
