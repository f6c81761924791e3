// Finds mixtures of experts in a graph, as optimum-intel exports them: each token goes through all experts in stacked
// products, and the sum is weighted with what a router chose, 0 for most.
//
//   ReduceSum over the experts of
//     Multiply of
//       MatMul(silu(MatMul(tokens, gate)) * MatMul(tokens, up), down)         [experts, tokens, outputs]
//         with tokens = Reshape(Tile(x, experts times))                       [experts, tokens, columns]
//       Unsqueeze(Transpose(ScatterElementsUpdate(zeros, chosen, weights)))   [experts, tokens, 1]
//
// Only the chosen ones need to be computed, which gives the same sum.
#pragma once
#include <array>
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

#include "openvino/kernels/compressed_weights.h"

namespace llm {

struct ExpertBlock {
  std::shared_ptr<ov::Node> sum;  // what is replaced
  // Nodes whose inputs the operation takes: ask them as late as possible, see LayerGroup.
  std::shared_ptr<ov::Node> tokens;           // its input 0: x [tokens, columns]
  std::shared_ptr<ov::Node> scatter;          // its input 1: chosen [tokens, each]
  std::shared_ptr<ov::Node> weights;          // its input 0: those of the chosen, [tokens, each]
  std::array<const ov::Node*, 3> products{};  // gate, up and down
  size_t experts = 0;
  CompressedWeights gate;
  CompressedWeights up;
  CompressedWeights down;
  std::string scheme;  // that of the weights, and " experts"
};

std::vector<ExpertBlock> find_expert_blocks(const ov::Model& model);

// Whether a scheme is of experts.
bool is_of_experts(const std::string& scheme);

}  // namespace llm
