#include "kernels/attention/plain_rows.h"

#include <algorithm>

namespace llm {
namespace {

// A block that is used for several tiles of rows becomes f32 first.
bool is_widened(const PlainRows& of) {
  return code_bits(of.type) > 0 || (of.type == KvType::kF16 && of.rows > of.kernel.tile_rows);
}

void widen_halves(const PlainRows& of, const uint8_t* block, size_t count, float* out) {
  of.kernel.widen_halves(reinterpret_cast<const uint16_t*>(block), count, out);
}

void multiply(const PlainRows& of, RowsProduct product) {
  const bool halves = of.type == KvType::kF16 && !is_widened(of);
  if (of.rows > of.kernel.tile_rows || is_widened(of)) product.later = nullptr;
  (halves ? of.kernel.multiply_halves : of.kernel.multiply_floats)(product);
}

}  // namespace

void plain_scores(const PlainRows& of, const float* queries, const uint8_t* block, const uint8_t* later,
                  float* scores) {
  if (is_widened(of)) {
    if (code_bits(of.type) > 0) {
      widen_keys(of.type, block, of.width, of.widened);
    } else {
      widen_halves(of, block, of.width * kBlockTokens, of.widened);
    }
    block = reinterpret_cast<const uint8_t*>(of.widened);
  }
  multiply(of, {queries, of.width, of.rows, &block, &later, of.width, kBlockTokens, of.width, kBlockTokens, false,
                scores, kScoreStride});
}

void plain_values(const PlainRows& of, const float* weights, const uint8_t* const* blocks, const uint8_t* const* later,
                  size_t count, float* values) {
  const uint8_t* widened[kPlainBlocks];
  if (is_widened(of)) {
    for (size_t token = 0; token < count; token += kBlockTokens) {
      const size_t here = std::min(kBlockTokens, count - token);
      const size_t block = token / kBlockTokens;
      float* out = of.widened + token * of.width;
      if (code_bits(of.type) > 0) {
        widen_values(of.type, blocks[block], of.width, here, out);
      } else {
        widen_halves(of, blocks[block], here * of.width, out);
      }
      widened[block] = reinterpret_cast<const uint8_t*>(out);
    }
    blocks = widened;
  }
  multiply(of, {weights, kScoreStride, of.rows, blocks, later, kBlockTokens, of.width, count, of.width, true, values,
                of.width});
}

}  // namespace llm
