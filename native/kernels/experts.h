// A mixture of experts: each row of activations goes through the few experts that a router chose for it.
//
//   out = Σ w_e · (silu(x · gate_e) * (x · up_e)) · down_e, over the chosen experts e
//
// Or, as gpt-oss has them, with biases, and with a clamped gate in the place of silu(g) * u:
//
//   (clamp(u, -limit, limit) + 1) * g' / (1 + exp(-alpha * g')), g' = min(g, limit)
//
// Rows are grouped by expert, so the weights of a chosen expert are read once in a call, and no others are read. A
// result depends on its row, its choice and the weights alone: the experts of a row are added up in their own order.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/kernel.h"
#include "kernels/matmul.h"
#include "kernels/packed_weights.h"

namespace llm {

// What gpt-oss's experts have beside their weights.
struct ExpertBiases {
  const float* inner;    // [count * inner, 2]: of gate and up in turn
  const float* outputs;  // [count * outputs]
  float alpha;           // not 0
  float limit;
};

// All experts' weights, one below the other, as three matrices.
struct Experts {
  size_t count;
  const PackedWeights* gate;             // [count * inner, columns]
  const PackedWeights* up;               // like gate
  const PackedWeights* down;             // [count * outputs, inner]
  const ExpertBiases* biases = nullptr;  // null: none, and silu(gate) * up
};

// What a router chose for each row.
struct Routing {
  const int32_t* chosen;  // [rows, each]; of an expert that a row names twice, the last weight counts
  const float* weights;   // [rows, each]
  size_t each;
};

// Whether the matrices are such experts: of rows that are whole blocks, and columns that are whole spans of 32.
bool fit_together(const Experts& experts);

// x: [rows, columns], out: [rows, outputs]. Throws std::out_of_range when there is no such expert, and std::bad_alloc.
void multiply_experts(const Kernel& kernel, const Experts& experts, const Routing& routing, const float* x, size_t rows,
                      float* out, QuantizationSpan span, const Threads& threads);

}  // namespace llm
