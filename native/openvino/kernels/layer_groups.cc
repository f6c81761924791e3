#include "openvino/kernels/layer_groups.h"

#include <algorithm>
#include <openvino/op/ops.hpp>
#include <set>
#include <utility>

#include "kernels/matmul.h"
#include "openvino/kernels/graph_views.h"

namespace llm {
namespace {

using Value = ov::Output<ov::Node>;

}  // namespace

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

namespace {

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
bool find_gate(const Layers& layers, const std::shared_ptr<ov::Node>& product, LayerGroup& group,
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

}  // namespace

void settle_splits(ov::Model& model) {
  for (const auto& node : model.get_ordered_ops()) {
    if (!ov::is_type<ov::op::v1::VariadicSplit>(node) || !is_last_axis(node->input_value(1), node->input_value(0))) {
      continue;
    }
    if (ov::is_type<ov::op::v0::Constant>(node->get_input_node_ptr(2))) continue;
    std::vector<int64_t> sizes;
    for (const auto& output : node->outputs()) sizes.push_back(static_cast<int64_t>(last_size(output)));
    if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end()) continue;
    node->input(2).replace_source_output(ov::op::v0::Constant::create(ov::element::i64, {sizes.size()}, sizes));
  }
}

std::vector<LayerGroup> group_layers(const ov::NodeVector& ordered, const Layers& layers) {
  std::vector<LayerGroup> groups;
  std::set<const ov::Node*> used;
  for (const auto& node : ordered) {
    LayerGroup gate;
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
    if (last == with_input.end() || groups[last->second].sources.size() == kMostProducts ||
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

}  // namespace llm
