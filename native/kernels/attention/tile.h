// The queries of some tokens and of all heads that share one KV head, with a range of blocks.
//
// Of each row (a query) it gives a part: the largest score, the sum of exponentials beside it, and the sum of values
// that they weigh. Parts of several ranges are joined.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/attention/attention.h"

namespace llm {

struct AttentionTile {
  const AttentionShape& shape;
  const float* queries;  // the first token's, of all heads
  const uint8_t* key_cache;
  const uint8_t* value_cache;
  const int32_t* table;  // the sequence's blocks
  size_t kv_head;
  size_t position;  // of the first token
  size_t tokens;
  size_t begin;  // blocks of the sequence
  size_t end;
};

// The first token that a query at this position sees.
inline size_t first_key(const AttentionShape& shape, size_t position) {
  return shape.window > 0 && position >= shape.window ? position - shape.window + 1 : 0;
}

// Floats of a part: [rows] largest scores, [rows] sums, [rows, value_width] values.
inline size_t part_size(const AttentionShape& shape, size_t rows) { return rows * (2 + shape.value_width); }

// Bytes that attend_tile needs; a multiple of 64.
size_t tile_memory(const AttentionShape& shape, size_t rows);

// `memory` is aligned to lines of 64 bytes.
void attend_tile(const AttentionKernel& kernel, const AttentionTile& tile, float* part, uint8_t* memory);

struct AttentionParts {
  const float* first;
  size_t count;
};

// out: [tokens, heads * value_width], at the KV head's first one. Rows are [tokens, heads of the KV head].
void join(const AttentionShape& shape, size_t kv_head, size_t rows, AttentionParts parts, float* out);

}  // namespace llm
