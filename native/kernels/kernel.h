// One instruction set's way to multiply a block of packed weights with rows of activations.
//
// All kernels compute the same numbers: products of stored integers are exact, and what is f32 is added up in one order
// with fused multiply-add, whatever the instruction set, the rows of a call or the threads. So the portable one says
// what the others must give, to the last bit.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/packed_weights.h"

namespace llm {

// Most rows of activations in one call of a kernel; what lies on the stack for their results has this size.
inline constexpr size_t kMostTileRows = 48;

// Rows of activations as the kernels take them; `quantize` makes them.
struct Activations {
  const int8_t* values = nullptr;  // [rows, columns]: int8, times its scale; none when weights meet f32 activations
  const float* scales = nullptr;   // [rows, columns / 32]: the same one for all of a span
  const float* floats = nullptr;   // [rows, columns]: only without values
  const float* sums = nullptr;     // [rows, groups]: sums of the (dequantized) activations of each group
  size_t columns = 0;              // padded to whole groups of the weights
  size_t groups = 0;
  size_t span = 0;  // inputs of one scale: 32, 64 or a whole group; cut at the end of a group
};

struct Kernel {
  const char* name;
  // Most rows of a call: as many as the registers hold sums of, or as many as weights are unpacked for at once.
  size_t tile_rows;
  // One row: values, scales and sums of `columns` inputs in groups of `group`; `x` holds `columns` floats. What is
  // infinite or no number makes its span's scale so.
  void (*quantize)(const float* x, size_t columns, size_t group, size_t span, int8_t* values, float* scales,
                   float* sums);
  // out[i * 16 + r] = the product of the block's row r with row first_row + i of the activations, for `count` rows.
  void (*multiply)(const PackedWeights& weights, size_t block, const Activations& activations, size_t first_row,
                   size_t count, float* out);
  // gates[i] = silu(gates[i]) * ups[i] for `count` of them, a multiple of 8; silu(v) = v / (1 + exp(-v)), to about 1e-7
  // of it. What is infinite or no number does not become a number.
  void (*gate)(float* gates, const float* ups, size_t count);
};

const Kernel& portable_kernel();

// Those that this processor executes, the best first; never empty: the portable one is the last.
std::span<const Kernel* const> kernels();

}  // namespace llm
