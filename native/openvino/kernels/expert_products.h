// Finds the products of a mixture of experts: each token goes through all experts, gate and up, then down.
//
//   MatMul(silu(MatMul(tokens, gate)) * MatMul(tokens, up), down)             [experts, tokens, outputs]
//     with tokens = Reshape(Tile(x, experts times))                           [experts, tokens, columns]
//
// Or, as gpt-oss has them, with gate and up in turn in the rows of one matrix, with biases, and with a clamped gate:
//
//   both = MatMul(tokens, gate_up) + bias                                     [experts, tokens, 2 * inner]
//   MatMul((Clamp(both[1::2], ±limit) + 1) * Swish(Minimum(both[0::2], limit), alpha), down) + bias
#pragma once
#include <memory>
#include <openvino/openvino.hpp>
#include <vector>

#include "openvino/kernels/compressed_weights.h"

namespace llm {

struct ExpertProducts {
  size_t experts = 0;
  // Its input 0 is x [tokens, columns]: ask it for that as late as possible, see LayerGroup.
  std::shared_ptr<ov::Node> tokens;
  std::vector<const ov::Node*> matmuls;
  CompressedWeights gate;
  CompressedWeights up;
  CompressedWeights down;
  ov::OutputVector biases;  // none, or those of gate and up, that of down, and alpha and limit
};

// Of a value [experts, tokens, outputs] that nothing else takes, nor what is in between.
bool find_expert_products(const ov::Output<ov::Node>& value, ExpertProducts& found);

}  // namespace llm
