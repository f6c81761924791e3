// The tiles of the kernels with 256-bit registers: a line's 16 rows take two of them. Included in the namespace of a
// kernel that has LLM_YMM (its target), ymm_loads.h and `Sums`, which adds up integer products. No #pragma once: each
// has its own.

template <int Rows, int Bits>
LLM_YMM void tile(const PackedWeights& weights, const uint8_t* lines, const int8_t* values, const float* scales,
                  const float* sums, const Activations& a, float* out) {
  const __m256i low_halves = _mm256_set1_epi8(15);
  const size_t group = weights.group();
  const size_t scale_stride = a.columns / 32;
  const size_t group_lines = weights.group_bytes() - PackedWeights::kLine;
  __m256 total[Rows][2];
  LLM_UNROLL
  for (int i = 0; i < Rows; ++i) total[i][0] = total[i][1] = _mm256_setzero_ps();
  for (size_t g = 0; g < a.groups; ++g, values += group, scales += group / 32) {
    const uint8_t* tail = lines + group_lines;
    for (size_t begin = 0; begin < group;) {
      const size_t end = begin + a.span < group ? begin + a.span : group;
      const float* steps = scales + begin / 32;
      Sums<Bits> sum[Rows][2];
      LLM_UNROLL
      for (int i = 0; i < Rows; ++i) {
        sum[i][0].clear();
        sum[i][1].clear();
      }
      for (; begin < end; begin += 32) {
        constexpr int kLines = Bits;  // of 32 inputs: 4 or 8
        constexpr int kStep = 32 / kLines;
        LLM_UNROLL
        for (int line = 0; line < kLines; ++line, lines += PackedWeights::kLine) {
          if constexpr (Rows <= kStreamedRows)
            _mm_prefetch(reinterpret_cast<const char*>(lines) + kAhead<Rows>, _MM_HINT_T0);
          const int8_t* x = values + begin + static_cast<size_t>(line) * kStep;
          LLM_UNROLL
          for (int h = 0; h < 2; ++h) {
            const __m256i both = load(lines + h * 32);
            const __m256i low = _mm256_and_si256(both, low_halves);
            const __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), low_halves);
            LLM_UNROLL
            for (int i = 0; i < Rows; ++i) {
              sum[i][h].add(both, low, high, x + static_cast<size_t>(i) * a.columns);
            }
          }
        }
        LLM_UNROLL
        for (int i = 0; i < Rows; ++i) {
          sum[i][0].widen();
          sum[i][1].widen();
        }
      }
      LLM_UNROLL
      for (int i = 0; i < Rows; ++i) {
        const __m256 step = _mm256_set1_ps(steps[static_cast<size_t>(i) * scale_stride]);
        LLM_UNROLL
        for (int h = 0; h < 2; ++h) {
          const __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(sum[i][h].total()), step);
          total[i][h] = _mm256_fmadd_ps(product, halves(tail + h * 16), total[i][h]);
        }
      }
    }
    LLM_UNROLL
    for (int h = 0; h < 2; ++h) {
      const __m256 offset = _mm256_mul_ps(halves(tail + 32 + h * 16), halves(tail + h * 16));
      LLM_UNROLL
      for (int i = 0; i < Rows; ++i) {
        const __m256 group_sum = _mm256_set1_ps(sums[static_cast<size_t>(i) * a.groups + g]);
        total[i][h] = _mm256_fnmadd_ps(offset, group_sum, total[i][h]);
      }
    }
    lines += PackedWeights::kLine;
  }
  LLM_UNROLL
  for (int i = 0; i < Rows; ++i) {
    LLM_UNROLL
    for (int h = 0; h < 2; ++h) _mm256_storeu_ps(out + i * 16 + h * 8, total[i][h]);
  }
}

// The same with f32 activations: each input's weights become f32 and are multiplied in the order of the inputs.
template <int Rows, int Bits>
LLM_YMM void float_tile(const PackedWeights& weights, const uint8_t* lines, const float* values, const float* sums,
                        const Activations& a, float* out) {
  const __m256i mask = _mm256_set1_epi32(Bits == 4 ? 15 : 255);
  constexpr size_t kStep = Bits == 4 ? 8 : 4;
  __m256 total[Rows][2];
  LLM_UNROLL
  for (int i = 0; i < Rows; ++i) total[i][0] = total[i][1] = _mm256_setzero_ps();
  for (size_t g = 0; g < a.groups; ++g) {
    __m256 product[Rows][2];
    LLM_UNROLL
    for (int i = 0; i < Rows; ++i) product[i][0] = product[i][1] = _mm256_setzero_ps();
    for (size_t k = 0; k < weights.group(); k += kStep, values += kStep, lines += PackedWeights::kLine) {
      LLM_UNROLL
      for (int h = 0; h < 2; ++h) {
        const __m256i line = load(lines + h * 32);
        LLM_UNROLL
        for (int j = 0; j < static_cast<int>(kStep); ++j) {
          const int shift = Bits == 4 ? j % 4 * 8 + j / 4 * 4 : j * 8;
          const __m256 weight = _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(line, shift), mask));
          LLM_UNROLL
          for (int i = 0; i < Rows; ++i) {
            const __m256 x = _mm256_set1_ps(values[static_cast<size_t>(i) * a.columns + static_cast<size_t>(j)]);
            product[i][h] = _mm256_fmadd_ps(weight, x, product[i][h]);
          }
        }
      }
    }
    LLM_UNROLL
    for (int h = 0; h < 2; ++h) {
      const __m256 scale = halves(lines + h * 16);
      const __m256 offset = _mm256_mul_ps(halves(lines + 32 + h * 16), scale);
      LLM_UNROLL
      for (int i = 0; i < Rows; ++i) {
        const __m256 group_sum = _mm256_set1_ps(sums[static_cast<size_t>(i) * a.groups + g]);
        total[i][h] = _mm256_fmadd_ps(product[i][h], scale, total[i][h]);
        total[i][h] = _mm256_fnmadd_ps(offset, group_sum, total[i][h]);
      }
    }
    lines += PackedWeights::kLine;
  }
  LLM_UNROLL
  for (int i = 0; i < Rows; ++i) {
    LLM_UNROLL
    for (int h = 0; h < 2; ++h) _mm256_storeu_ps(out + i * 16 + h * 8, total[i][h]);
  }
}

#include "kernels/x86/multiply.h"
