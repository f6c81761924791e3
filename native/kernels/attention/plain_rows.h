// Products of rows with single blocks of the KV cache in f32: those of f16 and f32, and of codes where the kernel has
// nothing for them.
#pragma once
#include "kernels/attention/kernel.h"

namespace llm {

struct PlainRows {
  const AttentionKernel& kernel;
  KvType type;
  size_t width;
  size_t rows;
  float* widened;  // [32, width]: a block in f32, where it becomes that first
};

// scores[r][j] = queries[r] * key j, at a stride of kScoreStride. `next` is asked for meanwhile; null = nothing.
void plain_scores(const PlainRows& of, const float* queries, const uint8_t* block, const uint8_t* next, float* scores);

// values[r] += the weighed values of the block's first `count` tokens. Weights lie at a stride of kScoreStride. What
// lies behind those tokens is no number, maybe.
void plain_values(const PlainRows& of, const float* weights, const uint8_t* block, const uint8_t* next, size_t count,
                  float* values);

}  // namespace llm
