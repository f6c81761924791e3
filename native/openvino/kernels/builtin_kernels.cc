#include "openvino/kernels/builtin_kernels.h"

#include <algorithm>
#include <openvino/op/concat.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/matmul.hpp>
#include <openvino/op/reshape.hpp>
#include <utility>

#include "engine/failure.h"
#include "openvino/kernels/compressed_experts.h"
#include "openvino/kernels/compressed_gather.h"
#include "openvino/kernels/expert_blocks.h"
#include "openvino/kernels/graph_views.h"
#include "openvino/kernels/layer_groups.h"
#include "openvino/kernels/packing.h"

namespace llm {
namespace {

// Where a matrix is.
struct Place {
  std::shared_ptr<const SharedWeights> weights;
  size_t part = 0;
};

void replace(ov::Node& gather, const Place& place) {
  const auto op = std::make_shared<CompressedGather>(gather.input_value(1), place.weights, place.part);
  op->set_friendly_name(gather.get_friendly_name());
  const auto names = gather.output(0).get_names();
  gather.output(0).replace(op->output(0));
  op->output(0).add_names(names);
}

void replace(const LayerGroup& group, std::shared_ptr<const SharedWeights> weights) {
  const auto op = std::make_shared<CompressedMatMul>(group.first->input_value(0), std::move(weights));
  op->set_friendly_name(group.name);
  for (size_t i = 0; i < group.replaced.size(); ++i) {
    ov::Output<ov::Node> old = group.replaced[i];
    const auto names = old.get_names();
    old.replace(op->output(i));
    op->output(i).add_names(names);
  }
}

void replace(const ExpertBlock& block, std::shared_ptr<const SharedWeights> weights) {
  ov::OutputVector inputs{block.tokens->input_value(0), block.scatter->input_value(1), block.weights->input_value(0)};
  inputs.insert(inputs.end(), block.biases.begin(), block.biases.end());
  std::shared_ptr<ov::Node> op = std::make_shared<CompressedExperts>(inputs, std::move(weights));
  if (block.first_size.get_node()) {
    // The graph has the tokens in two axes.
    const auto outputs = static_cast<int64_t>(last_size(op));
    const auto rest = ov::op::v0::Constant::create(ov::element::i64, {2}, {int64_t{-1}, outputs});
    const auto pattern = std::make_shared<ov::op::v0::Concat>(ov::OutputVector{block.first_size, rest}, 0);
    op = std::make_shared<ov::op::v1::Reshape>(op, pattern, false);
  }
  op->set_friendly_name(block.sum->get_friendly_name());
  ov::replace_node(block.sum, op);
}

}  // namespace

BuiltinLayers use_builtin_kernels(ov::Model& model, const std::function<bool(const std::string& scheme)>& takes,
                                  const KernelUse& use, const std::string& packed_path, const EventSink& post) {
  settle_splits(model);
  const auto ordered = model.get_ordered_ops();
  Layers layers;
  for (const auto& node : ordered) {
    const auto matmul = ov::as_type_ptr<ov::op::v0::MatMul>(node);
    Layer layer{matmul, {}};
    std::string obstacle;
    if (!matmul || !find_compressed_weights(*matmul, layer.weights, obstacle) || !takes(layer.weights.scheme)) continue;
    layers.emplace(node.get(), std::move(layer));
  }
  const auto groups = group_layers(ordered, layers);

  auto blocks = find_expert_blocks(model);
  std::erase_if(blocks, [&](const ExpertBlock& block) { return !takes(block.scheme); });
  if (groups.empty() && blocks.empty()) return {};

  std::vector<std::shared_ptr<SharedWeights>> made;
  std::vector<PackingPart> parts;
  std::vector<Place> places;  // of parts
  const auto make = [&](const std::string& name, const std::vector<WeightSource>& sources, bool gated) {
    auto weights = std::make_shared<SharedWeights>();
    weights->use = use;
    weights->gated = gated;
    weights->id = std::to_string(made.size()) + " " + name;
    for (const auto& source : sources) weights->parts.emplace_back(source);
    for (size_t i = 0; i < sources.size(); ++i) {
      parts.push_back({sources[i], &weights->parts[i]});
      places.push_back({weights, i});
    }
    made.push_back(std::move(weights));
  };
  for (const auto& group : groups) make(group.name, group.sources, group.gated);
  for (const auto& block : blocks) {
    make(block.sum->get_friendly_name(), {block.gate.source, block.up.source, block.down.source}, false);
    made.back()->experts = block.experts;
  }
  const auto embeddings = find_embeddings(ordered);
  std::vector<Place> rows;
  for (const auto& [gather, source] : embeddings) {
    const auto same = [&](const PackingPart& part) { return same_matrix(part.source, source); };
    if (std::none_of(parts.begin(), parts.end(), same)) make(gather->get_friendly_name(), {source}, false);
    rows.push_back(places[static_cast<size_t>(std::find_if(parts.begin(), parts.end(), same) - parts.begin())]);
  }
  auto packed = pack(parts, packed_path, post);
  for (const auto& weights : made) weights->memory = packed.memory;
  for (size_t i = 0; i < groups.size(); ++i) replace(groups[i], made[i]);
  for (size_t i = 0; i < blocks.size(); ++i) replace(blocks[i], made[groups.size() + i]);
  for (size_t i = 0; i < embeddings.size(); ++i) replace(*embeddings[i].gather, rows[i]);
  model.validate_nodes_and_infer_types();
  // A product that is still there would be computed twice, and its weights be in memory twice.
  for (const auto& node : model.get_ops()) {
    if (layers.contains(node.get())) throw Failure(ERR_ENGINE, "not replaced: " + node->get_friendly_name());
  }
  return {SharedLayers(made.begin(), made.end()), {}, std::move(packed.info), packed.identity, packed.data};
}

}  // namespace llm
