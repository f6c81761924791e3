#include "kernels/attention/x86/kernels.h"

#ifdef LLM_X86
#include <bit>
#include <cmath>
#include <utility>

#include "kernels/silu.h"

#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 takes the undefined registers of its own header for a mistake of ours.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#define LLM_ISA LLM_TARGET("avx512f,avx512bw,avx512vl,avx2,fma,f16c,prefer-vector-width=512")

namespace llm {
namespace {

#include "kernels/attention/x86/exponentials.h"

LLM_ISA inline __m512 load(const float* from, __mmask16 mask) { return _mm512_maskz_loadu_ps(mask, from); }
LLM_ISA inline __m512 load(const uint16_t* from, __mmask16 mask) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, from));
}
LLM_ISA inline __m512 load(const uint8_t* from, __mmask16 mask) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, from)));
}

LLM_ISA inline __mmask16 mask_of(size_t columns) {
  return columns >= 16 ? static_cast<__mmask16>(0xffff) : static_cast<__mmask16>((1U << columns) - 1);
}

// 32 columns of so many rows. Few rows have several sums each, so that one need not wait for the other.
template <class Stored, int Rows>
LLM_ISA void tile(const RowsProduct& p, size_t first) {
  constexpr int kSets = Rows == 1 ? 4 : Rows <= 4 ? 2 : 1;
  const float* a = p.a + first * p.a_stride;
  const ptrdiff_t ahead = p.next == nullptr ? 0 : static_cast<const char*>(p.next) - static_cast<const char*>(p.b);
  for (size_t column = 0; column < p.columns; column += 32) {
    const size_t left = p.columns - column;
    const __mmask16 low = mask_of(left);
    const __mmask16 high = left > 16 ? mask_of(left - 16) : static_cast<__mmask16>(0);
    const Stored* b = static_cast<const Stored*>(p.b) + column;
    __m512 sums[kSets][Rows][2];
    LLM_UNROLL
    for (int set = 0; set < kSets; ++set) {
      LLM_UNROLL
      for (int row = 0; row < Rows; ++row) sums[set][row][0] = sums[set][row][1] = _mm512_setzero_ps();
    }
    size_t i = 0;
    for (; i + kSets <= p.depth; i += kSets, b += kSets * p.b_stride) {
      LLM_UNROLL
      for (int set = 0; set < kSets; ++set) {
        _mm_prefetch(reinterpret_cast<const char*>(b + static_cast<size_t>(set) * p.b_stride) + ahead, _MM_HINT_T0);
        const __m512 b0 = load(b + static_cast<size_t>(set) * p.b_stride, low);
        const __m512 b1 = load(b + static_cast<size_t>(set) * p.b_stride + 16, high);
        LLM_UNROLL
        for (int row = 0; row < Rows; ++row) {
          const __m512 x = _mm512_set1_ps(a[static_cast<size_t>(row) * p.a_stride + i + static_cast<size_t>(set)]);
          sums[set][row][0] = _mm512_fmadd_ps(x, b0, sums[set][row][0]);
          sums[set][row][1] = _mm512_fmadd_ps(x, b1, sums[set][row][1]);
        }
      }
    }
    if constexpr (kSets > 1) {
      for (; i < p.depth; ++i, b += p.b_stride) {
        const __m512 b0 = load(b, low);
        const __m512 b1 = load(b + 16, high);
        LLM_UNROLL
        for (int row = 0; row < Rows; ++row) {
          const __m512 x = _mm512_set1_ps(a[static_cast<size_t>(row) * p.a_stride + i]);
          sums[0][row][0] = _mm512_fmadd_ps(x, b0, sums[0][row][0]);
          sums[0][row][1] = _mm512_fmadd_ps(x, b1, sums[0][row][1]);
        }
      }
      LLM_UNROLL
      for (int set = 1; set < kSets; ++set) {
        LLM_UNROLL
        for (int row = 0; row < Rows; ++row) {
          sums[0][row][0] = _mm512_add_ps(sums[0][row][0], sums[set][row][0]);
          sums[0][row][1] = _mm512_add_ps(sums[0][row][1], sums[set][row][1]);
        }
      }
    }
    LLM_UNROLL
    for (int row = 0; row < Rows; ++row) {
      float* c = p.c + (first + static_cast<size_t>(row)) * p.c_stride + column;
      _mm512_mask_storeu_ps(c, low, _mm512_add_ps(load(c, low), sums[0][row][0]));
      _mm512_mask_storeu_ps(c + 16, high, _mm512_add_ps(load(c + 16, high), sums[0][row][1]));
    }
  }
}

constexpr int kTileRows = 12;

#include "kernels/attention/x86/products.h"

LLM_ISA float fold(const float* row, const float* scales, const float* leasts, size_t count, float* folded) {
  __m512 sum = _mm512_setzero_ps();
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 mask = mask_of(count - i);
    const __m512 x = load(row + i, mask);
    _mm512_mask_storeu_ps(folded + i, mask, _mm512_mul_ps(x, load(scales + i, mask)));
    sum = _mm512_fmadd_ps(x, load(leasts + i, mask), sum);
  }
  return _mm512_reduce_add_ps(sum);
}

LLM_ISA void widen_halves(const uint16_t* stored, size_t count, float* out) {
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 mask = mask_of(count - i);
    _mm512_mask_storeu_ps(out + i, mask, load(stored + i, mask));
  }
}

constexpr AttentionKernel kKernel{"avx512",     kTileRows,   {product<uint8_t>, product<uint16_t>, product<float>},
                                  exponentials, largest,     fold,
                                  widen_bytes,  widen_halves};

}  // namespace

const AttentionKernel& avx512_attention() { return kKernel; }

}  // namespace llm
#endif
