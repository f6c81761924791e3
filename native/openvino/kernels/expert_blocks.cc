#include "openvino/kernels/expert_blocks.h"

#include <openvino/op/ops.hpp>

#include "kernels/experts.h"
#include "openvino/kernels/graph_views.h"
#include "openvino/kernels/layer_groups.h"

namespace llm {
namespace {

using NodePtr = std::shared_ptr<ov::Node>;
using Value = ov::Output<ov::Node>;

constexpr std::string_view kExperts = " experts";

template <class Op>
std::shared_ptr<Op> as(const Value& value) {
  return ov::as_type_ptr<Op>(value.get_node_shared_ptr());
}

bool is_used_once(const Value& value) { return value.get_target_inputs().size() == 1; }

// Whether a constant holds these integers.
bool holds(const Value& value, const std::vector<int64_t>& expected) { return constant_integers(value) == expected; }

// The size of an axis, or -1.
int64_t size_of(const Value& value, size_t axis) {
  const auto& shape = value.get_partial_shape();
  if (shape.rank().is_dynamic() || axis >= shape.size() || shape[axis].is_dynamic()) return -1;
  return shape[axis].get_length();
}

bool has_rank(const Value& value, int64_t rank) {
  const auto& shape = value.get_partial_shape();
  return shape.rank().is_static() && shape.rank().get_length() == rank;
}

// [experts, tokens, last]: with two known sizes, whatever reshapes such a value into another one leaves the tokens.
bool is_stack(const Value& value, int64_t experts, int64_t last) {
  return has_rank(value, 3) && size_of(value, 0) == experts && size_of(value, 2) == last;
}

Value without_reshapes(Value value, int64_t experts, int64_t last) {
  while (as<ov::op::v1::Reshape>(value) && is_stack(value, experts, last) && is_used_once(value)) {
    const auto input = value.get_node()->input_value(0);
    if (!is_stack(input, experts, last)) break;
    value = input;
  }
  return value;
}

// The router's weights of one expert after another, from [experts, tokens, 1] back to what they are scattered from.
bool find_routing(Value value, ExpertBlock& block) {
  const auto experts = static_cast<int64_t>(block.experts);
  if (!is_stack(value, experts, 1) || !is_used_once(value)) return false;
  while (as<ov::op::v0::Unsqueeze>(value) || as<ov::op::v1::Reshape>(value)) {
    value = value.get_node()->input_value(0);
    // All are the same values in the same order: nothing but experts and tokens is larger than 1.
    if (!is_stack(value, experts, 1) && !(has_rank(value, 2) && size_of(value, 0) == experts)) return false;
  }
  const auto transposed = as<ov::op::v1::Transpose>(value);
  if (!transposed || !has_rank(value, 2) || !holds(transposed->input_value(1), {1, 0})) return false;
  block.scatter = transposed->get_input_node_shared_ptr(0);
  if (const auto update = ov::as_type_ptr<ov::op::v12::ScatterElementsUpdate>(block.scatter)) {
    if (update->get_reduction() != ov::op::v12::ScatterElementsUpdate::Reduction::NONE) return false;
  } else if (!ov::is_type<ov::op::v3::ScatterElementsUpdate>(block.scatter)) {
    return false;
  }
  const auto zeros = as<ov::op::v3::Broadcast>(block.scatter->input_value(0));
  const auto zero = zeros ? as<ov::op::v0::Constant>(zeros->input_value(0)) : nullptr;
  if (!zero || ov::shape_size(zero->get_shape()) != 1 || zero->cast_vector<float>()[0] != 0.F) return false;
  if (!has_rank(zeros, 2) || size_of(zeros, 1) != experts || zeros->get_output_element_type(0) != ov::element::f32) {
    return false;
  }
  if (!holds(block.scatter->input_value(3), {1}) && !holds(block.scatter->input_value(3), {-1})) return false;

  // Exporters cut the updates to the size of the indices, which changes nothing where they have the same size.
  block.weights = block.scatter->get_input_node_shared_ptr(2);
  const auto chosen = block.scatter->input_value(1);
  const auto cut = ov::as_type_ptr<ov::op::v8::Slice>(block.weights);
  if (!cut || !holds(cut->input_value(1), {0, 0}) || !holds(cut->input_value(3), {1, 1})) return false;
  const auto sizes = as<ov::op::v3::ShapeOf>(cut->input_value(2));
  const auto weights = cut->input_value(0);
  const auto each = size_of(chosen, 1);
  return sizes && sizes->input_value(0) == chosen && has_rank(chosen, 2) && has_rank(weights, 2) && each > 0 &&
         size_of(weights, 1) == each && (cut->get_input_size() == 4 || holds(cut->input_value(4), {0, 1}));
}

// A stacked product of the tokens; `tokens` is what repeats them for each expert.
bool find_product(const Value& value, NodePtr& tokens, CompressedWeights& weights) {
  const auto matmul = as<ov::op::v0::MatMul>(value);
  std::string obstacle;
  if (!matmul || !find_compressed_stack(*matmul, weights, obstacle)) return false;
  const auto stacked = as<ov::op::v1::Reshape>(matmul->input_value(0));
  if (!stacked) return false;
  tokens = stacked->get_input_node_shared_ptr(0);
  const auto experts = size_of(matmul->input_value(1), 0);
  const auto columns = size_of(matmul->input_value(1), 2);
  return ov::is_type<ov::op::v0::Tile>(tokens) && holds(tokens->input_value(1), {experts, 1}) &&
         has_rank(tokens->input_value(0), 2) && size_of(tokens->input_value(0), 1) == columns &&
         is_stack(stacked, experts, columns);
}

bool find_products(const Value& value, ExpertBlock& block) {
  const auto down = as<ov::op::v0::MatMul>(value);
  std::string obstacle;
  if (!down || !is_used_once(value) || !find_compressed_stack(*down, block.down, obstacle)) return false;
  block.experts = static_cast<size_t>(size_of(down->input_value(1), 0));
  const auto gated = as<ov::op::v1::Multiply>(down->input_value(0));
  if (!gated || !is_used_once(gated)) return false;
  for (size_t side : {0U, 1U}) {
    Value gate;
    NodePtr others;
    const auto silu = gated->input_value(side);
    const auto up = gated->input_value(1 - side);
    if (!is_used_once(silu) || !is_used_once(up) || !find_silu(silu, gate)) continue;
    if (!find_product(gate, block.tokens, block.gate) || !find_product(up, others, block.up)) continue;
    block.products = {gate.get_node(), up.get_node(), down.get()};
    return block.tokens->input_value(0) == others->input_value(0);
  }
  return false;
}

bool can_compute(const ExpertBlock& block) {
  const PackedWeights gate(block.gate.source);
  const PackedWeights up(block.up.source);
  const PackedWeights down(block.down.source);
  return fit_together({block.experts, &gate, &up, &down});
}

std::string scheme_of(const ExpertBlock& block) {
  std::string scheme = block.gate.scheme;
  for (const auto* other : {&block.up, &block.down}) {
    if (scheme.find(other->scheme) == std::string::npos) scheme += " and " + other->scheme;
  }
  return scheme.append(kExperts);
}

bool find_block(const NodePtr& node, ExpertBlock& block) {
  const auto sum = ov::as_type_ptr<ov::op::v1::ReduceSum>(node);
  if (!sum || sum->get_keep_dims() || !holds(sum->input_value(1), {0})) return false;
  const auto weighted = as<ov::op::v1::Multiply>(sum->input_value(0));
  if (!weighted || !is_used_once(weighted)) return false;
  for (size_t side : {0U, 1U}) {
    const auto products = weighted->input_value(side);
    const auto outputs = size_of(products, 2);
    if (outputs < 0) continue;
    const auto inner = without_reshapes(products, size_of(products, 0), outputs);
    if (!is_used_once(products) || !find_products(inner, block) ||
        !is_stack(inner, static_cast<int64_t>(block.experts), outputs)) {
      continue;
    }
    if (!find_routing(weighted->input_value(1 - side), block) || !can_compute(block)) return false;
    block.sum = node;
    block.scheme = scheme_of(block);
    return true;
  }
  return false;
}

}  // namespace

std::vector<ExpertBlock> find_expert_blocks(const ov::Model& model) {
  std::vector<ExpertBlock> found;
  for (const auto& node : model.get_ordered_ops()) {
    ExpertBlock block;
    if (find_block(node, block)) found.push_back(std::move(block));
  }
  return found;
}

bool is_of_experts(const std::string& scheme) { return scheme.ends_with(kExperts); }

}  // namespace llm
