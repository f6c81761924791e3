// One instruction set's way to compute the parts of attention: products of rows of f32 with blocks of the KV cache, and
// exponentials.
//
// All kernels compute the same sums, each in an order of its own: results differ by rounding alone.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernels/attention/kv_block.h"

namespace llm {

// c[r][j] += the sum over i < depth of a[r][i] * b[i][j], for `rows` rows and `columns` columns, a multiple of 8.
// Strides count elements.
struct RowsProduct {
  const float* a;
  size_t a_stride;
  size_t rows;
  const void* b;  // u8, f16 or f32
  size_t b_stride;
  size_t depth;
  size_t columns;
  float* c;
  size_t c_stride;
  const void* next;  // what will be multiplied next in the place of b, and is asked for meanwhile; null = nothing
};

struct AttentionKernel {
  const char* name;
  // Rows for which one reading of b is enough.
  size_t tile_rows;
  // By the type of b; integers are taken as they are.
  void (*products[kKvTypes])(const RowsProduct& product);
  // scores[i] = exp(scores[i] - largest), 0 for -infinity; returns their sum. Those that are no numbers stay so.
  float (*exponentials)(float* scores, size_t count, float largest);
  // The largest number; -infinity when there is none.
  float (*largest)(const float* scores, size_t count);
  // folded[i] = row[i] * scales[i]; returns the sum of row[i] * leasts[i].
  float (*fold)(const float* row, const float* scales, const float* leasts, size_t count, float* folded);
  // out[r][j] = leasts[r] + scales[r] * stored[r][j]
  void (*widen_bytes)(const uint8_t* stored, const float* scales, const float* leasts, size_t rows, size_t columns,
                      float* out);
  void (*widen_halves)(const uint16_t* stored, size_t count, float* out);
};

const AttentionKernel& portable_attention();

// The one that goes with a kernel of matrix products (Kernel::name).
const AttentionKernel& attention_kernel(std::string_view name);

}  // namespace llm
