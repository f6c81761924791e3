// Products of f32 activations with packed weights: activations are quantized once, blocks of weights are shared out
// among the threads, and a block is used for many rows while it is in the cache.
//
// A result depends on its row of activations and its row of weights alone, not on the number of rows or of threads.
#pragma once
#include <cstddef>
#include <span>

#include "kernels/kernel.h"
#include "kernels/packed_weights.h"
#include "kernels/threads.h"

namespace llm {

// How activations meet the weights: 0 as f32, otherwise as int8 with one scale for so many inputs (a multiple of 32),
// never for more than a group of the weights.
using QuantizationSpan = size_t;
inline constexpr QuantizationSpan kWholeGroup = ~size_t{0} / 2;

// One matrix that is multiplied with the activations, and where its part of the result goes.
struct Product {
  const PackedWeights* weights;
  float* out;  // [rows, weights->rows()]
};

// Most matrices that are multiplied with one input at once: q, k and v, with room for graphs that are wider.
inline constexpr size_t kMostProducts = 8;

// x: [rows, columns]. All weights have the same columns and groups; any number of products. Throws std::bad_alloc.
//
// Memory for the activations is kept by the calling thread for its next call. While a call waits for its tasks, its
// thread may be given another call to compute: that one brings memory of its own.
void multiply(const Kernel& kernel, std::span<const Product> products, const float* x, size_t rows,
              QuantizationSpan span, const Threads& threads);

// out [rows, gate.rows()] = silu(x · gate) * (x · up), silu(v) = v / (1 + exp(-v)). Both have the same measures. Throws
// std::bad_alloc.
void multiply_gated(const Kernel& kernel, const PackedWeights& gate, const PackedWeights& up, float* out,
                    const float* x, size_t rows, QuantizationSpan span, const Threads& threads);

}  // namespace llm
