#include "openvino/kernels/builtin_kernels.h"

#include <algorithm>
#include <openvino/op/ops.hpp>
#include <set>
#include <utility>

#include "engine/failure.h"
#include "openvino/kernels/packing.h"

namespace llm {
namespace {

using MatMulPtr = std::shared_ptr<ov::op::v0::MatMul>;
using Value = ov::Output<ov::Node>;

// A product that is to be replaced.
struct Layer {
  MatMulPtr matmul;
  CompressedWeights weights;
};

// An operation to be, and the values that its outputs replace.
struct Group {
  MatMulPtr first;  // whose input it takes: asked for late, because another operation may have replaced it by then
  std::vector<WeightSource> sources;
  std::vector<Value> replaced;
  std::string name;
  bool gated = false;
};

using Layers = std::map<const ov::Node*, Layer>;

// The value whose silu this is: Swish(v), or v * Sigmoid(v).
bool find_silu(const Value& value, Value& inner) {
  const auto node = value.get_node_shared_ptr();
  if (ov::is_type<ov::op::v4::Swish>(node) && node->get_input_size() == 1) {
    inner = node->input_value(0);
    return inner.get_target_inputs().size() == 1;
  }
  if (!ov::is_type<ov::op::v1::Multiply>(node)) return false;
  for (size_t side : {0U, 1U}) {
    const auto sigmoid = node->get_input_node_shared_ptr(side);
    inner = node->input_value(1 - side);
    if (ov::is_type<ov::op::v0::Sigmoid>(sigmoid) && sigmoid->input_value(0) == inner) {
      return inner.get_target_inputs().size() == 2 && sigmoid->output(0).get_target_inputs().size() == 1;
    }
  }
  return false;
}

// The layer, and which of its rows, that make a value: the layer itself, or one half of it.
struct Rows {
  const Layer* layer = nullptr;
  size_t half = 0;  // 0 or 1 of `halves`
  size_t halves = 1;
};

bool find_rows(const Layers& layers, const Value& value, Rows& rows) {
  const ov::Node* node = value.get_node();
  rows = {};
  if (ov::is_type<ov::op::v1::VariadicSplit>(node) || ov::is_type<ov::op::v1::Split>(node)) {
    if (node->get_output_size() != 2 || node->get_input_node_ptr(0)->output(0).get_target_inputs().size() != 1) {
      return false;
    }
    const auto& shape = node->get_output_partial_shape(0);
    const auto& other = node->get_output_partial_shape(1);
    const auto& whole = node->get_input_partial_shape(0);
    if (shape.rank().is_dynamic() || whole.rank().is_dynamic()) return false;
    const size_t last = shape.size() - 1;
    if (shape[last].is_dynamic() || shape[last] != other[last] || whole[last] != shape[last] + other[last]) {
      return false;
    }
    rows.half = value.get_index();
    rows.halves = 2;
    node = node->get_input_node_ptr(0);
  }
  const auto found = layers.find(node);
  if (found == layers.end()) return false;
  rows.layer = &found->second;
  return true;
}

// One half of the rows, or all; false when it begins in the middle of a byte.
bool take_rows(const Rows& rows, WeightSource& source) {
  source = rows.layer->weights.source;
  if (source.rows % rows.halves != 0) return false;
  source.rows /= rows.halves;
  const size_t first = rows.half * source.rows;
  const size_t groups = source.columns / source.group;
  source.values += first * source.columns * static_cast<size_t>(source.bits) / 8;
  source.scales += first * groups * 2;
  if (source.kind == WeightSource::ZeroPoints::kNone || source.one_zero_point) return true;
  const size_t bits = source.kind == WeightSource::ZeroPoints::kF16 ? 16 : static_cast<size_t>(source.bits);
  if (first * groups * bits % 8 != 0) return false;
  source.zero_points += first * groups * bits / 8;
  return true;
}

bool alike(const WeightSource& a, const WeightSource& b) { return a.columns == b.columns && a.group == b.group; }

// silu(gate) * up, when both are layers with one input.
bool find_gate(const Layers& layers, const std::shared_ptr<ov::Node>& product, Group& group,
               std::set<const ov::Node*>& used) {
  if (!ov::is_type<ov::op::v1::Multiply>(product)) return false;
  for (size_t side : {0U, 1U}) {
    Value gate;
    const Value up = product->input_value(1 - side);
    if (!find_silu(product->input_value(side), gate)) continue;
    Rows gate_rows;
    Rows up_rows;
    if (!find_rows(layers, gate, gate_rows) || !find_rows(layers, up, up_rows)) continue;
    if (product->input_value(side).get_target_inputs().size() != 1 || up.get_target_inputs().size() != 1) continue;
    const auto& input = gate_rows.layer->matmul->input_value(0);
    group.sources.resize(2);
    if (up_rows.layer->matmul->input_value(0) != input || !take_rows(gate_rows, group.sources[0]) ||
        !take_rows(up_rows, group.sources[1])) {
      continue;
    }
    const auto& [a, b] = std::pair(group.sources[0], group.sources[1]);
    if (!alike(a, b) || a.rows != b.rows || a.bits != b.bits) continue;
    group.first = gate_rows.layer->matmul;
    group.replaced = {product->output(0)};
    group.name = product->get_friendly_name();
    group.gated = true;
    used.insert(gate_rows.layer->matmul.get());
    used.insert(up_rows.layer->matmul.get());
    return true;
  }
  return false;
}

constexpr size_t kMostSources = 8;

std::vector<Group> group_layers(const ov::NodeVector& ordered, const Layers& layers) {
  std::vector<Group> groups;
  std::set<const ov::Node*> used;
  for (const auto& node : ordered) {
    Group gate;
    if (find_gate(layers, node, gate, used)) groups.push_back(std::move(gate));
  }
  std::map<std::pair<const ov::Node*, size_t>, size_t> with_input;  // the last group of an input
  for (const auto& node : ordered) {
    const auto found = layers.find(node.get());
    if (found == layers.end() || used.contains(node.get())) continue;
    const auto& source = found->second.weights.source;
    const Value input = node->input_value(0);
    const auto key = std::pair<const ov::Node*, size_t>(input.get_node(), input.get_index());
    const auto last = with_input.find(key);
    if (last == with_input.end() || groups[last->second].sources.size() == kMostSources ||
        !alike(groups[last->second].sources.front(), source)) {
      with_input[key] = groups.size();
      groups.push_back({found->second.matmul, {}, {}, node->get_friendly_name(), false});
    }
    auto& group = groups[with_input[key]];
    group.sources.push_back(source);
    group.replaced.push_back(node->output(0));
  }
  return groups;
}

void replace(const Group& group, std::shared_ptr<const SharedWeights> weights) {
  const auto op = std::make_shared<CompressedMatMul>(group.first->input_value(0), std::move(weights));
  op->set_friendly_name(group.name);
  for (size_t i = 0; i < group.replaced.size(); ++i) {
    Value old = group.replaced[i];
    const auto names = old.get_names();
    old.replace(op->output(i));
    op->output(i).add_names(names);
  }
}

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

PackedInfo use_builtin_kernels(ov::Model& model, const std::function<bool(const std::string& scheme)>& takes,
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
  return std::move(packed.info);
}

}  // namespace llm
