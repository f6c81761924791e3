// Products of rows with single blocks of the KV cache in f32: those of f16 and f32, and of codes where the kernel has
// nothing for them.
#pragma once
#include "kernels/attention/kernel.h"

namespace llm {

// Blocks of values whose products are summed up at once.
inline constexpr size_t kPlainBlocks = kBlocksAhead;

struct PlainRows {
  const AttentionKernel& kernel;
  KvType type;
  size_t width;
  size_t rows;
  float* widened;  // [kPlainBlocks, 32, width]: blocks in f32, where they become that first
};

// scores[r][j] = queries[r] * key j, at a stride of kScoreStride. `later` is a block that is asked for meanwhile.
void plain_scores(const PlainRows& of, const float* queries, const uint8_t* block, const uint8_t* later, float* scores);

// values[r] += the weighed values of the first `count` tokens of at most kPlainBlocks blocks. Weights lie at a stride
// of kScoreStride. What lies behind those tokens is no number, maybe. `later`: as many blocks, or null.
void plain_values(const PlainRows& of, const float* weights, const uint8_t* const* blocks, const uint8_t* const* later,
                  size_t count, float* values);

}  // namespace llm
