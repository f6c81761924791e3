#include "kernels/attention/x86/kernels.h"

#ifdef LLM_X86
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "kernels/silu.h"

#define LLM_ISA LLM_TARGET("avx2,fma,f16c")

namespace llm {
namespace {

LLM_ISA inline __m256 load(const float* from) { return _mm256_loadu_ps(from); }
LLM_ISA inline __m256 load(const uint16_t* from) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
// Columns of so many vectors. Few rows have several sums each, so that one need not wait for the other.
template <class Stored, int Rows, int Vectors>
LLM_ISA inline void columns(const RowsProduct& p, size_t first, size_t column) {
  constexpr int kSets = Rows == 1 ? 4 : Rows <= 2 ? 2 : 1;
  const float* a = p.a + first * p.a_stride;
  __m256 sums[kSets][Rows][Vectors];
  LLM_UNROLL
  for (int set = 0; set < kSets; ++set) {
    LLM_UNROLL
    for (int row = 0; row < Rows; ++row) {
      LLM_UNROLL
      for (int v = 0; v < Vectors; ++v) sums[set][row][v] = _mm256_setzero_ps();
    }
  }
  size_t i = 0;
  for (size_t block = 0; i < p.depth; ++block) {
    const size_t end = p.depth - i < p.block_rows ? p.depth : i + p.block_rows;
    const auto* b = reinterpret_cast<const Stored*>(p.blocks[block]) + column;
    const ptrdiff_t ahead = p.later == nullptr ? 0 : p.later[block] - p.blocks[block];
    for (; i + kSets <= end; i += kSets, b += kSets * p.b_stride) {
      LLM_UNROLL
      for (int set = 0; set < kSets; ++set) {
        _mm_prefetch(reinterpret_cast<const char*>(b + static_cast<size_t>(set) * p.b_stride) + ahead, _MM_HINT_T1);
        __m256 loaded[Vectors];
        LLM_UNROLL
        for (int v = 0; v < Vectors; ++v) loaded[v] = load(b + static_cast<size_t>(set) * p.b_stride + v * 8);
        LLM_UNROLL
        for (int row = 0; row < Rows; ++row) {
          const auto at = static_cast<size_t>(row) * p.a_stride + i + static_cast<size_t>(set);
          const __m256 x = _mm256_broadcast_ss(a + at);
          LLM_UNROLL
          for (int v = 0; v < Vectors; ++v) sums[set][row][v] = _mm256_fmadd_ps(x, loaded[v], sums[set][row][v]);
        }
      }
    }
    for (; kSets > 1 && i < end; ++i, b += p.b_stride) {
      LLM_UNROLL
      for (int row = 0; row < Rows; ++row) {
        const __m256 x = _mm256_broadcast_ss(a + static_cast<size_t>(row) * p.a_stride + i);
        LLM_UNROLL
        for (int v = 0; v < Vectors; ++v) sums[0][row][v] = _mm256_fmadd_ps(x, load(b + v * 8), sums[0][row][v]);
      }
    }
  }
  LLM_UNROLL
  for (int row = 0; row < Rows; ++row) {
    float* c = p.c + (first + static_cast<size_t>(row)) * p.c_stride + column;
    LLM_UNROLL
    for (int v = 0; v < Vectors; ++v) {
      __m256 sum = sums[0][row][v];
      LLM_UNROLL
      for (int set = 1; set < kSets; ++set) sum = _mm256_add_ps(sum, sums[set][row][v]);
      _mm256_storeu_ps(c + v * 8, p.adds ? _mm256_add_ps(load(c + v * 8), sum) : sum);
    }
  }
}

template <class Stored, int Rows>
LLM_ISA void tile(const RowsProduct& p, size_t first) {
  size_t column = 0;
  for (; column + 16 <= p.columns; column += 16) columns<Stored, Rows, 2>(p, first, column);
  for (; column < p.columns; column += 8) columns<Stored, Rows, 1>(p, first, column);
}

constexpr int kTileRows = 6;

#include "kernels/attention/x86/products.h"

LLM_ISA void widen_halves(const uint16_t* stored, size_t count, float* out) {
  for (size_t i = 0; i < count; i += 8) _mm256_storeu_ps(out + i, load(stored + i));
}

// Vectors for what both instruction sets share. Here all numbers are there, whatever is `left`.
using Ints = __m256i;
using Floats = __m256;
constexpr size_t kLanes = 8;

LLM_ISA inline Ints no_ints() { return _mm256_setzero_si256(); }
LLM_ISA inline Ints load_ints(const uint8_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
LLM_ISA inline void store_ints(uint8_t* to, Ints x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), x); }
LLM_ISA inline Ints both_of(const int16_t* pair) { return _mm256_set1_epi32(number_of(pair)); }
template <int Bits>
LLM_ISA inline Ints shift_left(Ints x) {
  return _mm256_slli_epi16(x, Bits);
}
template <int Bits>
LLM_ISA inline Ints shift_right(Ints x) {
  return _mm256_srai_epi16(x, Bits);
}
LLM_ISA inline Ints bits_of(Ints x, int mask) {
  return _mm256_and_si256(x, _mm256_set1_epi16(static_cast<int16_t>(mask)));
}
LLM_ISA inline Ints add_products(Ints sum, Ints x, Ints y) {
  sum = _mm256_add_epi32(sum, _mm256_madd_epi16(x, y));
  LLM_KEEP(sum);
  return sum;
}
LLM_ISA inline Ints high_products(Ints x, Ints y) { return _mm256_mulhrs_epi16(x, y); }
LLM_ISA inline Ints add_ints(Ints x, Ints y) { return _mm256_add_epi32(x, y); }
LLM_ISA inline Ints add_shorts(Ints x, Ints y) { return _mm256_add_epi16(x, y); }
LLM_ISA inline Floats every(float x) { return _mm256_set1_ps(x); }
LLM_ISA inline Floats load_floats(const float* from, size_t) { return load(from); }
LLM_ISA inline void store_floats(float* to, Floats x, size_t) { _mm256_storeu_ps(to, x); }
LLM_ISA inline void store_shorts(int16_t* to, Ints x, size_t) {
  const __m128i packed = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), packed);
}
LLM_ISA inline Floats floats_of(Ints x) { return _mm256_cvtepi32_ps(x); }
LLM_ISA inline Ints rounded_to_ints(Floats x) { return _mm256_cvtps_epi32(x); }
LLM_ISA inline Floats fma(Floats x, Floats y, Floats z) { return _mm256_fmadd_ps(x, y, z); }
LLM_ISA inline Floats times(Floats x, Floats y) { return _mm256_mul_ps(x, y); }
LLM_ISA inline Floats plus(Floats x, Floats y) { return _mm256_add_ps(x, y); }
LLM_ISA inline Floats minus(Floats x, Floats y) { return _mm256_sub_ps(x, y); }
// y where one of them is no number.
LLM_ISA inline Floats larger(Floats x, Floats y) { return _mm256_max_ps(x, y); }
LLM_ISA inline Floats smaller(Floats x, Floats y) { return _mm256_min_ps(x, y); }
LLM_ISA inline Floats size_of(Floats x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.F), x); }
LLM_ISA inline Floats inverse_or_0(Floats x) {
  return _mm256_and_ps(_mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_GT_OQ), _mm256_div_ps(_mm256_set1_ps(1), x));
}
// `value` where x is at least `least` or no number, else 0.
LLM_ISA inline Floats zero_below(Floats least, Floats x, Floats value) {
  return _mm256_and_ps(_mm256_cmp_ps(x, least, _CMP_NLT_UQ), value);
}
LLM_ISA inline Floats next_whole(Floats x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// For results within the range of normal numbers; what is no number stays.
LLM_ISA inline Floats times_power_of_2(Floats x, Floats whole) {
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), _mm256_slli_epi32(rounded_to_ints(whole), 23)));
}
LLM_ISA inline float sum_of(Floats x) {
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}
LLM_ISA inline float largest_of(Floats x) {
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  four = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}

#include "kernels/attention/x86/exponentials.h"

constexpr int kScoreRows = 5;
constexpr int kChainedRows = 1;
constexpr int kValueSums = 12;  // registers

#include "kernels/attention/x86/code_pairs.h"
#include "kernels/attention/x86/code_scores.h"
#include "kernels/attention/x86/code_values.h"

constexpr CodeKernel kBytes{code_scores<8>, code_factors<8>, code_values<8>};
constexpr CodeKernel kNibbles{code_scores<4>, code_factors<4>, code_values<4>};
constexpr AttentionKernel kKernel{"avx2",        kTileRows,    product<uint16_t>, product<float>, exponentials,
                                  largest_score, widen_halves, &kBytes,           &kNibbles,      weights};

}  // namespace

const AttentionKernel& avx2_attention() { return kKernel; }

}  // namespace llm
#endif
