// One instruction set's way to compute the parts of attention: products of rows with blocks of the KV cache, and
// exponentials.
//
// Of caches in f16 and f32 all kernels compute the same sums, each in an order of its own: results differ by rounding
// alone. Of caches in codes the portable kernel does so, too; the others take the sums of codes as integers, for which
// they round queries and weights to 11 to 15 bits: well below what the codes have lost.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernels/attention/kv_block.h"

namespace llm {

// Blocks whose scores are computed at once, and of one range where a cache is cut into ranges. Sums of integers of a
// range do not overflow: 512 tokens * 32767 * 128 < 2^31.
inline constexpr size_t kRangeBlocks = 16;
inline constexpr size_t kRangeTokens = kRangeBlocks * kBlockTokens;

// From a row of scores to the next: no power of two, or rows would share few lines of the cache.
inline constexpr size_t kScoreStride = kRangeTokens + 16;

// c[r][j] = the sum over i < depth of a[r][i] * b[i][j], for `rows` rows and `columns` columns, a multiple of 8.
// Strides count elements.
struct RowsProduct {
  const float* a;
  size_t a_stride;
  size_t rows;
  const uint8_t* const* blocks;  // of b, f16 or f32: each has block_rows of its rows, the last one those that are left
  const uint8_t* const* later;   // a block for each of them, which is asked for meanwhile; null = none
  size_t block_rows;
  size_t b_stride;
  size_t depth;
  size_t columns;
  bool adds;  // to what c holds
  float* c;
  size_t c_stride;
};

// The widest heads for which there are products of codes.
inline constexpr size_t kMostCodeWidth = 512;

// How many blocks before its turn a block is asked for: less is too late, for a block is computed in the time that one
// line takes to come from memory. Lines come into the second-level cache, which waits for more of them at once than the
// first.
inline constexpr size_t kBlocksAhead = 4;

// The scores of rows of queries with blocks of keys in codes: scores[r][j] = queries[r] * key j.
struct CodeScores {
  const float* queries;  // [rows, width], times the scale
  size_t rows;
  size_t width;  // at most kMostCodeWidth
  const uint8_t* const* blocks;
  size_t count;                // of blocks, at most kRangeBlocks
  const uint8_t* const* next;  // [kBlocksAhead] blocks that are read then, and are asked for in the end
  float* scores;               // [rows, kScoreStride]
  uint8_t* memory;             // code_score_memory() bytes, aligned to 64
};

// Bytes.
size_t code_score_memory(size_t rows, size_t width);

// What the scales of values in codes do to weights.
struct CodeFactors {
  const uint8_t* const* blocks;
  size_t count;  // tokens of the blocks, at most kRangeTokens
  size_t seen;   // before them; what lies behind is no number, maybe, and gets 0
  size_t width;
  float* factors;  // [count]: scales over the step that is returned, at most 32767
  float* zeros;    // [count]: what code 0 stands for
};

// Scores become weights: integers of 16 bits in their own place, each exp(score - largest) * factor.
struct CodeWeights {
  float* scores;
  size_t count;  // a multiple of 32
  float largest;
  const float* factors;  // see CodeFactors
  const float* zeros;
  float* offset;  // exp(score - largest) * zero of all tokens is added to it
};

// values[r] += step * the sum over tokens of weights[r] * their codes.
struct CodeValues {
  const int16_t* weights;  // [rows, 2 * kScoreStride]
  size_t rows;
  const uint8_t* const* blocks;
  size_t count;  // of blocks, at most kRangeBlocks
  size_t width;
  float step;
  float* values;  // [rows, width]
};

struct CodeKernel {
  void (*scores)(const CodeScores& scores);
  float (*factors)(const CodeFactors& factors);
  void (*values)(const CodeValues& values);
};

struct AttentionKernel {
  const char* name;
  // Rows for which one reading of b is enough.
  size_t tile_rows;
  void (*multiply_halves)(const RowsProduct& product);
  void (*multiply_floats)(const RowsProduct& product);
  // scores[i] = exp(scores[i] - largest), 0 for -infinity, for a multiple of 32; returns their sum. Those that are no
  // numbers stay so.
  float (*exponentials)(float* scores, size_t count, float largest);
  // The largest number; -infinity when there is none.
  float (*largest)(const float* scores, size_t count);
  void (*widen_halves)(const uint16_t* stored, size_t count, float* out);
  // None in the portable kernel, which widens codes to f32, as all do for wider heads.
  const CodeKernel* bytes;
  const CodeKernel* nibbles;
  // Returns the sum of exponentials.
  float (*weights)(const CodeWeights& weights);
};

const AttentionKernel& portable_attention();

// The one that goes with a kernel of matrix products (Kernel::name).
const AttentionKernel& attention_kernel(std::string_view name);

}  // namespace llm
