// Attention over a KV cache of blocks: writes the keys and values of a step's tokens, then computes what their queries
// see.
//
// One sequence uses all threads: where a step has few of its tokens, its cache is cut into ranges, and what they give
// is joined. The heads that share keys and values read them once. A result depends on its sequence alone: neither the
// other sequences of the step nor the number of threads change it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/attention/kernel.h"
#include "kernels/matmul.h"

namespace llm {

struct AttentionShape {
  size_t heads = 0;
  size_t kv_heads = 0;     // divides heads
  size_t key_width = 0;    // numbers of a head's key; a multiple of 8
  size_t value_width = 0;  // likewise
  KvType key_type = KvType::kU8;
  KvType value_type = KvType::kU8;
  float scale = 1;            // of the products of queries and keys
  size_t window = 0;          // tokens that a query sees, its own included; 0 = all before it
  std::vector<float> slopes;  // alibi, a head each: slope * (key's position - query's position) is added; empty = none
  std::vector<float> sinks;   // a head each: exp(sink) is added to the sum of exponentials; empty = none
};

// Empty, or in words why it cannot be computed.
std::string obstacle(const AttentionShape& shape);

struct AttentionStep {
  const float* queries;  // [tokens, heads * key_width]
  const float* keys;     // [tokens, kv_heads * key_width]
  const float* values;   // [tokens, kv_heads * value_width]
  size_t tokens;         // of all sequences, one sequence behind the other
  uint8_t* key_cache;    // [blocks, kv_heads] blocks, see kv_block.h
  uint8_t* value_cache;
  size_t blocks;
  std::span<const int32_t> past;          // [sequences]: tokens in the cache
  std::span<const int32_t> begins;        // [sequences + 1]: where their tokens of the step begin
  std::span<const int32_t> table;         // the blocks of each sequence
  std::span<const int32_t> table_begins;  // [sequences + 1]: where those begin
  float* out;                             // [tokens, heads * value_width]
};

// Throws std::out_of_range when tables and caches do not fit together, and std::bad_alloc.
void attend(const AttentionKernel& kernel, const AttentionShape& shape, const AttentionStep& step,
            const Threads& threads);

}  // namespace llm
