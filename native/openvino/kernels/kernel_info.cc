#include "openvino/kernels/kernel_info.h"

#include <openvino/op/matmul.hpp>

namespace llm {
namespace {

// The largest layer that is measured in no time; a head would take seconds.
bool is_better_example(const CompressedWeights& layer, const CompressedWeights& than) {
  constexpr size_t kMostWeights = 32U << 20;
  const auto size = [](const CompressedWeights& weights) { return weights.source.rows * weights.source.columns; };
  if (size(layer) > kMostWeights) return size(layer) < size(than);
  return size(than) > kMostWeights || size(layer) > size(than);
}

}  // namespace

KernelInfo kernel_info(const ov::Model& model) {
  KernelInfo info;
  for (const auto& node : model.get_ops()) {
    const auto matmul = ov::as_type_ptr<ov::op::v0::MatMul>(node);
    if (!matmul) continue;
    CompressedWeights weights;
    std::string obstacle;
    if (find_compressed_weights(*matmul, weights, obstacle)) {
      auto& scheme = info.schemes[weights.scheme];
      ++scheme.layers;
      info.packed_bytes += PackedWeights(weights.source).bytes();
      if (scheme.layers == 1 || is_better_example(weights, scheme.example)) scheme.example = std::move(weights);
    } else if (!obstacle.empty()) {
      ++info.obstacles[obstacle];
    }
  }
  return info;
}

}  // namespace llm
