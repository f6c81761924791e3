// Finds mixtures of experts in a graph, as optimum-intel exports them: each token goes through all experts in stacked
// products, and the sum is weighted with what a router chose, 0 for most.
//
//   ReduceSum over the experts of
//     Multiply of
//       products                                                              see expert_products.h
//       Unsqueeze(Transpose(ScatterElementsUpdate(zeros, chosen, weights)))   [experts, tokens, 1]
//
// Only the chosen ones need to be computed, which gives the same sum. Some graphs have the tokens in two axes there.
#pragma once
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

#include "openvino/kernels/expert_products.h"

namespace llm {

struct ExpertBlock : ExpertProducts {
  std::shared_ptr<ov::Node> sum;  // what is replaced
  // Nodes whose inputs the operation takes: ask them as late as possible, see LayerGroup.
  std::shared_ptr<ov::Node> scatter;  // its input 1: chosen [tokens, each]
  std::shared_ptr<ov::Node> weights;  // its input 0: those of the chosen, [tokens, each]
  ov::Output<ov::Node> first_size;    // where the sum is [first_size, the rest of the tokens, outputs]; else none
  std::string scheme;                 // that of the weights, and " experts"
};

std::vector<ExpertBlock> find_expert_blocks(const ov::Model& model);

// Whether a scheme is of experts.
bool is_of_experts(const std::string& scheme);

}  // namespace llm
