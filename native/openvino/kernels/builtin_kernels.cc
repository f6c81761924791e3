#include "openvino/kernels/builtin_kernels.h"

#include <openvino/op/matmul.hpp>
#include <utility>

#include "engine/failure.h"
#include "openvino/kernels/layer_groups.h"
#include "openvino/kernels/packing.h"

namespace llm {
namespace {

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

}  // namespace

BuiltinLayers use_builtin_kernels(ov::Model& model, const std::function<bool(const std::string& scheme)>& takes,
                                  const KernelUse& use, const std::string& packed_path, const EventSink& post) {
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

  std::vector<std::shared_ptr<SharedWeights>> made;
  std::vector<PackingPart> parts;
  for (const auto& group : groups) {
    auto weights = std::make_shared<SharedWeights>();
    weights->use = use;
    weights->gated = group.gated;
    weights->id = std::to_string(made.size()) + " " + group.name;
    for (const auto& source : group.sources) weights->parts.emplace_back(source);
    for (size_t i = 0; i < group.sources.size(); ++i) parts.push_back({group.sources[i], &weights->parts[i]});
    made.push_back(std::move(weights));
  }
  if (parts.empty()) return {};
  auto packed = pack(parts, packed_path, post);
  for (size_t i = 0; i < groups.size(); ++i) {
    made[i]->memory = packed.memory;
    replace(groups[i], made[i]);
  }
  model.validate_nodes_and_infer_types();
  // A product that is still there would be computed twice, and its weights be in memory twice.
  for (const auto& node : model.get_ops()) {
    if (layers.contains(node.get())) throw Failure(ERR_ENGINE, "not replaced: " + node->get_friendly_name());
  }
  return {SharedLayers(made.begin(), made.end()), {}, std::move(packed.info), packed.identity, packed.data};
}

}  // namespace llm
