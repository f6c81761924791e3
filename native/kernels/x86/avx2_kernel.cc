// AVX2 alone: products of bytes are added up in 16 bits, and those in 32 bits after every 32 inputs, before they could
// overflow: 16 products of at most 15 * 127. Bytes of weights are therefore multiplied half by half.
#include "kernels/x86/kernels.h"

#ifdef LLM_X86
#include <cstring>
#include <utility>

#include "kernels/activation_rows.h"
#include "kernels/x86/gate.h"
#include "kernels/x86/quantize.h"

#define LLM_YMM LLM_TARGET("avx2,fma,f16c")

namespace llm {
namespace {

#include "kernels/x86/ymm_loads.h"

LLM_YMM inline __m256i wider(__m256i narrow) { return _mm256_madd_epi16(narrow, _mm256_set1_epi16(1)); }

template <int Bits>
struct Sums;

template <>
struct Sums<4> {
  __m256i narrow;
  __m256i wide;
  LLM_YMM void clear() { narrow = wide = _mm256_setzero_si256(); }
  LLM_YMM void add(__m256i, __m256i low, __m256i high, const int8_t* x) {
    narrow = _mm256_add_epi16(narrow, _mm256_add_epi16(_mm256_maddubs_epi16(low, broadcast4(x)),
                                                       _mm256_maddubs_epi16(high, broadcast4(x + 4))));
    LLM_KEEP(narrow);
  }
  LLM_YMM void widen() {
    wide = _mm256_add_epi32(wide, wider(narrow));
    narrow = _mm256_setzero_si256();
  }
  LLM_YMM __m256i total() const { return wide; }
};

template <>
struct Sums<8> {
  __m256i narrow_low;
  __m256i narrow_high;
  __m256i wide;
  LLM_YMM void clear() { narrow_low = narrow_high = wide = _mm256_setzero_si256(); }
  LLM_YMM void add(__m256i, __m256i low, __m256i high, const int8_t* x) {
    const __m256i four = broadcast4(x);
    narrow_low = _mm256_add_epi16(narrow_low, _mm256_maddubs_epi16(low, four));
    narrow_high = _mm256_add_epi16(narrow_high, _mm256_maddubs_epi16(high, four));
    LLM_KEEP(narrow_low);
    LLM_KEEP(narrow_high);
  }
  LLM_YMM void widen() {
    wide = _mm256_add_epi32(wide, _mm256_add_epi32(wider(narrow_low), _mm256_slli_epi32(wider(narrow_high), 4)));
    narrow_low = narrow_high = _mm256_setzero_si256();
  }
  LLM_YMM __m256i total() const { return wide; }
};

constexpr size_t kTileRows = 4;

#include "kernels/x86/avx2_panel.h"
#include "kernels/x86/ymm_tiles.h"

// Few rows wait for memory, and take the weights from where they lie packed.
constexpr size_t kFewRows = kTileRows;

// Rows of a call: the packed weights are unpacked once for all of them.
constexpr size_t kCallRows = 48;
static_assert(kCallRows <= kMostTileRows, "a call's results lie in an array of kMostTileRows rows");

void multiply_rows(const PackedWeights& weights, size_t block, const Activations& a, size_t first_row, size_t count,
                   float* out) {
  if (count > kFewRows && a.values && a.span <= kPanelInputs) {
    (weights.bits() == 4 ? multiply_panels<4> : multiply_panels<8>)(weights, block, a, first_row, count, out);
    return;
  }
  for (size_t row = 0; row < count;) {
    const size_t rows = even_part(count - row, kTileRows);
    multiply(weights, block, a, first_row + row, rows, out + row * PackedWeights::kBlockRows);
    row += rows;
  }
}

constexpr Kernel kKernel{"avx2", kCallRows, quantize_row, multiply_rows, gate};

}  // namespace

const Kernel& avx2_kernel() { return kKernel; }

}  // namespace llm
#endif
