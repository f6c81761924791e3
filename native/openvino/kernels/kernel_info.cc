#include "openvino/kernels/kernel_info.h"

#include <algorithm>
#include <openvino/op/matmul.hpp>
#include <set>
#include <vector>

#include "openvino/kernels/compressed_gather.h"
#include "openvino/kernels/expert_blocks.h"
#include "openvino/kernels/measured_layer.h"

namespace llm {

KernelInfo kernel_info(const ov::Model& model) {
  KernelInfo info;
  std::vector<WeightSource> packed;
  std::set<const ov::Node*> of_experts;
  for (const auto& block : find_expert_blocks(model)) {
    of_experts.insert(block.matmuls.begin(), block.matmuls.end());
    info.schemes[block.scheme].layers += block.matmuls.size();
    for (const auto* part : {&block.gate, &block.up, &block.down}) packed.push_back(part->source);
  }
  for (const auto& node : model.get_ops()) {
    const auto matmul = ov::as_type_ptr<ov::op::v0::MatMul>(node);
    if (!matmul || of_experts.contains(node.get())) continue;
    CompressedWeights weights;
    std::string obstacle;
    if (find_compressed_weights(*matmul, weights, obstacle)) {
      auto& scheme = info.schemes[weights.scheme];
      ++scheme.layers;
      packed.push_back(weights.source);
      if (scheme.layers == 1 || is_better_example(weights, scheme.example)) scheme.example = std::move(weights);
    } else if (!obstacle.empty()) {
      ++info.obstacles[obstacle];
    }
  }
  for (const auto& embedding : find_embeddings(model.get_ops())) {
    const auto same = [&](const WeightSource& other) { return same_matrix(other, embedding.source); };
    if (std::none_of(packed.begin(), packed.end(), same)) packed.push_back(embedding.source);
  }
  for (const auto& source : packed) info.packed_bytes += PackedWeights(source).bytes();
  return info;
}

}  // namespace llm
