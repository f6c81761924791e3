#include <algorithm>
#include <cmath>

#include "kernels/attention/kernel.h"
#include "kernels/half.h"

namespace llm {
namespace {

inline float number(uint16_t stored) { return half_to_float(stored); }
inline float number(float stored) { return stored; }

template <class Stored>
void product(const RowsProduct& p) {
  for (size_t row = 0; row < p.rows; ++row) {
    float* c = p.c + row * p.c_stride;
    if (!p.adds) std::fill_n(c, p.columns, 0.F);
    for (size_t i = 0; i < p.depth; ++i) {
      const float a = p.a[row * p.a_stride + i];
      const auto* block = reinterpret_cast<const Stored*>(p.blocks[i / p.block_rows]);
      const Stored* b = block + i % p.block_rows * p.b_stride;
      for (size_t j = 0; j < p.columns; ++j) c[j] += a * number(b[j]);
    }
  }
}

float exponentials(float* scores, size_t count, float most) {
  float sum = 0;
  for (size_t i = 0; i < count; ++i) sum += scores[i] = std::exp(scores[i] - most);
  return sum;
}

float largest(const float* scores, size_t count) {
  float most = -HUGE_VALF;
  for (size_t i = 0; i < count; ++i) most = scores[i] > most ? scores[i] : most;
  return most;
}

void widen_halves(const uint16_t* stored, size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) out[i] = half_to_float(stored[i]);
}

constexpr AttentionKernel kKernel{"portable",   4,       product<uint16_t>, product<float>, exponentials, largest,
                                  widen_halves, nullptr, nullptr,           nullptr};

}  // namespace

const AttentionKernel& portable_attention() { return kKernel; }

}  // namespace llm
