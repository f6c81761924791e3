#include "kernels/attention/x86/kernels.h"

#ifdef LLM_X86
#include <bit>
#include <cmath>
#include <utility>

#include "kernels/silu.h"

#define LLM_ISA LLM_TARGET("avx2,fma,f16c")

namespace llm {
namespace {

#include "kernels/attention/x86/exponentials.h"

LLM_ISA inline __m256 load(const float* from) { return _mm256_loadu_ps(from); }
LLM_ISA inline __m256 load(const uint16_t* from) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
LLM_ISA inline __m256 load(const uint8_t* from) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
}

// Columns of so many vectors. Few rows have several sums each, so that one need not wait for the other.
template <class Stored, int Rows, int Vectors>
LLM_ISA inline void columns(const RowsProduct& p, size_t first, size_t column) {
  constexpr int kSets = Rows == 1 ? 4 : Rows <= 2 ? 2 : 1;
  const float* a = p.a + first * p.a_stride;
  const ptrdiff_t ahead = p.next == nullptr ? 0 : static_cast<const char*>(p.next) - static_cast<const char*>(p.b);
  const Stored* b = static_cast<const Stored*>(p.b) + column;
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
  for (; i + kSets <= p.depth; i += kSets, b += kSets * p.b_stride) {
    LLM_UNROLL
    for (int set = 0; set < kSets; ++set) {
      _mm_prefetch(reinterpret_cast<const char*>(b + static_cast<size_t>(set) * p.b_stride) + ahead, _MM_HINT_T0);
      __m256 loaded[Vectors];
      LLM_UNROLL
      for (int v = 0; v < Vectors; ++v) loaded[v] = load(b + static_cast<size_t>(set) * p.b_stride + v * 8);
      LLM_UNROLL
      for (int row = 0; row < Rows; ++row) {
        const __m256 x = _mm256_broadcast_ss(a + static_cast<size_t>(row) * p.a_stride + i + static_cast<size_t>(set));
        LLM_UNROLL
        for (int v = 0; v < Vectors; ++v) sums[set][row][v] = _mm256_fmadd_ps(x, loaded[v], sums[set][row][v]);
      }
    }
  }
  for (; i < p.depth; ++i, b += p.b_stride) {
    LLM_UNROLL
    for (int row = 0; row < Rows; ++row) {
      const __m256 x = _mm256_broadcast_ss(a + static_cast<size_t>(row) * p.a_stride + i);
      LLM_UNROLL
      for (int v = 0; v < Vectors; ++v) sums[0][row][v] = _mm256_fmadd_ps(x, load(b + v * 8), sums[0][row][v]);
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
      _mm256_storeu_ps(c + v * 8, _mm256_add_ps(load(c + v * 8), sum));
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

LLM_ISA float fold(const float* row, const float* scales, const float* leasts, size_t count, float* folded) {
  __m256 sums = _mm256_setzero_ps();
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 x = load(row + i);
    _mm256_storeu_ps(folded + i, _mm256_mul_ps(x, load(scales + i)));
    sums = _mm256_fmadd_ps(x, load(leasts + i), sums);
  }
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  float sum = _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
  for (; i < count; ++i) {
    folded[i] = row[i] * scales[i];
    sum += row[i] * leasts[i];
  }
  return sum;
}

LLM_ISA void widen_halves(const uint16_t* stored, size_t count, float* out) {
  for (size_t i = 0; i < count; i += 8) _mm256_storeu_ps(out + i, load(stored + i));
}

constexpr AttentionKernel kKernel{"avx2",       kTileRows,   {product<uint8_t>, product<uint16_t>, product<float>},
                                  exponentials, largest,     fold,
                                  widen_bytes,  widen_halves};

}  // namespace

const AttentionKernel& avx2_attention() { return kKernel; }

}  // namespace llm
#endif
