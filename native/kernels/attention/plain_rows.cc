#include "kernels/attention/plain_rows.h"

#include <algorithm>

namespace llm {
namespace {

// A block that is used for several tiles of rows becomes f32 first.
bool is_widened(const PlainRows& of) {
  return code_bits(of.type) > 0 || (of.type == KvType::kF16 && of.rows > of.kernel.tile_rows);
}

void multiply(const PlainRows& of, RowsProduct product, const uint8_t* next) {
  const bool halves = of.type == KvType::kF16 && !is_widened(of);
  if (is_widened(of)) {
    product.b = of.widened;
  } else if (of.rows <= of.kernel.tile_rows) {
    product.next = next;
  }
  (halves ? of.kernel.multiply_halves : of.kernel.multiply_floats)(product);
}

}  // namespace

void plain_scores(const PlainRows& of, const float* queries, const uint8_t* block, const uint8_t* next, float* scores) {
  if (code_bits(of.type) > 0) {
    widen_keys(of.type, block, of.width, of.widened);
  } else if (is_widened(of)) {
    of.kernel.widen_halves(reinterpret_cast<const uint16_t*>(block), of.width * kBlockTokens, of.widened);
  }
  for (size_t row = 0; row < of.rows; ++row) std::fill_n(scores + row * kScoreStride, kBlockTokens, 0.F);
  multiply(of, {queries, of.width, of.rows, block, kBlockTokens, of.width, kBlockTokens, scores, kScoreStride, nullptr},
           next);
}

void plain_values(const PlainRows& of, const float* weights, const uint8_t* block, const uint8_t* next, size_t count,
                  float* values) {
  if (code_bits(of.type) > 0) {
    widen_values(of.type, block, of.width, count, of.widened);
  } else if (is_widened(of)) {
    of.kernel.widen_halves(reinterpret_cast<const uint16_t*>(block), count * of.width, of.widened);
  }
  multiply(of, {weights, kScoreStride, of.rows, block, of.width, count, of.width, values, of.width, nullptr}, next);
}

}  // namespace llm
