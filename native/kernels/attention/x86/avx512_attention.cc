#include "kernels/attention/x86/kernels.h"

#ifdef LLM_X86
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "kernels/silu.h"

#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 takes the undefined registers of its own header for a mistake of ours.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#define LLM_ISA LLM_TARGET("avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c,prefer-vector-width=512")

namespace llm {
namespace {

LLM_ISA inline __m512 load(const float* from, __mmask16 mask) { return _mm512_maskz_loadu_ps(mask, from); }
LLM_ISA inline __m512 load(const uint16_t* from, __mmask16 mask) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, from));
}
LLM_ISA inline __mmask16 mask_of(size_t columns) {
  return columns >= 16 ? static_cast<__mmask16>(0xffff) : static_cast<__mmask16>((1U << columns) - 1);
}

// 32 columns of so many rows. Few rows have several sums each, so that one need not wait for the other.
template <class Stored, int Rows>
LLM_ISA void tile(const RowsProduct& p, size_t first) {
  constexpr int kSets = Rows == 1 ? 4 : Rows <= 4 ? 2 : 1;
  const float* a = p.a + first * p.a_stride;
  for (size_t column = 0; column < p.columns; column += 32) {
    const size_t left = p.columns - column;
    const __mmask16 low = mask_of(left);
    const __mmask16 high = left > 16 ? mask_of(left - 16) : static_cast<__mmask16>(0);
    __m512 sums[kSets][Rows][2];
    LLM_UNROLL
    for (int set = 0; set < kSets; ++set) {
      LLM_UNROLL
      for (int row = 0; row < Rows; ++row) sums[set][row][0] = sums[set][row][1] = _mm512_setzero_ps();
    }
    size_t i = 0;
    for (size_t block = 0; i < p.depth; ++block) {
      const size_t end = p.depth - i < p.block_rows ? p.depth : i + p.block_rows;
      const auto* b = reinterpret_cast<const Stored*>(p.blocks[block]) + column;
      const ptrdiff_t ahead = p.later == nullptr ? 0 : p.later[block] - p.blocks[block];
      for (; i + kSets <= end; i += kSets, b += kSets * p.b_stride) {
        LLM_UNROLL
        for (int set = 0; set < kSets; ++set) {
          const auto* later = reinterpret_cast<const char*>(b + static_cast<size_t>(set) * p.b_stride) + ahead;
          _mm_prefetch(later, _MM_HINT_T1);
          if constexpr (sizeof(Stored) == 4) _mm_prefetch(later + 64, _MM_HINT_T1);
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
      for (; kSets > 1 && i < end; ++i, b += p.b_stride) {
        const __m512 b0 = load(b, low);
        const __m512 b1 = load(b + 16, high);
        LLM_UNROLL
        for (int row = 0; row < Rows; ++row) {
          const __m512 x = _mm512_set1_ps(a[static_cast<size_t>(row) * p.a_stride + i]);
          sums[0][row][0] = _mm512_fmadd_ps(x, b0, sums[0][row][0]);
          sums[0][row][1] = _mm512_fmadd_ps(x, b1, sums[0][row][1]);
        }
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
    LLM_UNROLL
    for (int row = 0; row < Rows; ++row) {
      float* c = p.c + (first + static_cast<size_t>(row)) * p.c_stride + column;
      const __m512 c0 = p.adds ? load(c, low) : _mm512_setzero_ps();
      const __m512 c1 = p.adds ? load(c + 16, high) : _mm512_setzero_ps();
      _mm512_mask_storeu_ps(c, low, _mm512_add_ps(c0, sums[0][row][0]));
      _mm512_mask_storeu_ps(c + 16, high, _mm512_add_ps(c1, sums[0][row][1]));
    }
  }
}

constexpr int kTileRows = 12;

#include "kernels/attention/x86/products.h"

LLM_ISA void widen_halves(const uint16_t* stored, size_t count, float* out) {
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 mask = mask_of(count - i);
    _mm512_mask_storeu_ps(out + i, mask, load(stored + i, mask));
  }
}

// Vectors for what both instruction sets share. `left` counts the numbers that are there.
using Ints = __m512i;
using Floats = __m512;
constexpr size_t kLanes = 16;

LLM_ISA inline Ints no_ints() { return _mm512_setzero_si512(); }
LLM_ISA inline Ints load_ints(const uint8_t* from) { return _mm512_loadu_si512(from); }
LLM_ISA inline void store_ints(uint8_t* to, Ints x) { _mm512_storeu_si512(to, x); }
LLM_ISA inline Ints both_of(const int16_t* pair) { return _mm512_set1_epi32(number_of(pair)); }
template <int Bits>
LLM_ISA inline Ints shift_left(Ints x) {
  return _mm512_slli_epi16(x, Bits);
}
template <int Bits>
LLM_ISA inline Ints shift_right(Ints x) {
  return _mm512_srai_epi16(x, Bits);
}
LLM_ISA inline Ints bits_of(Ints x, int mask) {
  return _mm512_and_si512(x, _mm512_set1_epi16(static_cast<int16_t>(mask)));
}
LLM_ISA inline Ints add_products(Ints sum, Ints x, Ints y) {
  sum = _mm512_dpwssd_epi32(sum, x, y);
  LLM_KEEP(sum);
  return sum;
}
LLM_ISA inline Ints high_products(Ints x, Ints y) { return _mm512_mulhrs_epi16(x, y); }
LLM_ISA inline Ints add_ints(Ints x, Ints y) { return _mm512_add_epi32(x, y); }
LLM_ISA inline Ints add_shorts(Ints x, Ints y) { return _mm512_add_epi16(x, y); }
LLM_ISA inline Floats every(float x) { return _mm512_set1_ps(x); }
LLM_ISA inline Floats load_floats(const float* from, size_t left) { return load(from, mask_of(left)); }
LLM_ISA inline void store_floats(float* to, Floats x, size_t left) { _mm512_mask_storeu_ps(to, mask_of(left), x); }
LLM_ISA inline void store_shorts(int16_t* to, Ints x, size_t left) {
  _mm512_mask_cvtsepi32_storeu_epi16(to, mask_of(left), x);
}
LLM_ISA inline Floats floats_of(Ints x) { return _mm512_cvtepi32_ps(x); }
LLM_ISA inline Ints rounded_to_ints(Floats x) { return _mm512_cvtps_epi32(x); }
LLM_ISA inline Floats fma(Floats x, Floats y, Floats z) { return _mm512_fmadd_ps(x, y, z); }
LLM_ISA inline Floats times(Floats x, Floats y) { return _mm512_mul_ps(x, y); }
LLM_ISA inline Floats plus(Floats x, Floats y) { return _mm512_add_ps(x, y); }
LLM_ISA inline Floats minus(Floats x, Floats y) { return _mm512_sub_ps(x, y); }
// y where one of them is no number.
LLM_ISA inline Floats larger(Floats x, Floats y) { return _mm512_max_ps(x, y); }
LLM_ISA inline Floats smaller(Floats x, Floats y) { return _mm512_min_ps(x, y); }
LLM_ISA inline Floats size_of(Floats x) { return _mm512_abs_ps(x); }
LLM_ISA inline Floats inverse_or_0(Floats x) {
  return _mm512_maskz_div_ps(_mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ), _mm512_set1_ps(1), x);
}
// `value` where x is at least `least` or no number, else 0.
LLM_ISA inline Floats zero_below(Floats least, Floats x, Floats value) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, least, _CMP_NLT_UQ), value);
}
LLM_ISA inline Floats next_whole(Floats x) { return _mm512_roundscale_ps(x, 0); }
LLM_ISA inline Floats times_power_of_2(Floats x, Floats whole) { return _mm512_scalef_ps(x, whole); }
LLM_ISA inline float sum_of(Floats x) { return _mm512_reduce_add_ps(x); }
LLM_ISA inline float largest_of(Floats x) { return _mm512_reduce_max_ps(x); }

#include "kernels/attention/x86/exponentials.h"

constexpr int kScoreRows = 12;
constexpr int kChainedRows = 3;
constexpr int kValueSums = 24;  // registers

#include "kernels/attention/x86/code_pairs.h"
#include "kernels/attention/x86/code_scores.h"
#include "kernels/attention/x86/code_values.h"

constexpr CodeKernel kBytes{code_scores<8>, code_factors<8>, code_values<8>};
constexpr CodeKernel kNibbles{code_scores<4>, code_factors<4>, code_values<4>};
constexpr AttentionKernel kKernel{"avx512",      kTileRows,    product<uint16_t>, product<float>, exponentials,
                                  largest_score, widen_halves, &kBytes,           &kNibbles,      weights};

}  // namespace

const AttentionKernel& avx512_attention() { return kKernel; }

}  // namespace llm
#endif
