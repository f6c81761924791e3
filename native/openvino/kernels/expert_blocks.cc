#include "openvino/kernels/expert_blocks.h"

#include <openvino/op/ops.hpp>

#include "kernels/experts.h"
#include "openvino/kernels/graph_views.h"

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

// [experts, tokens, last], or with the tokens in two axes. With two known sizes, whatever reshapes such a value into
// another one leaves the tokens.
bool is_stack(const Value& value, int64_t experts, int64_t last) {
  const auto& shape = value.get_partial_shape();
  if (shape.rank().is_dynamic() || (shape.size() != 3 && shape.size() != 4)) return false;
  return size_of(value, 0) == experts && size_of(value, shape.size() - 1) == last;
}

Value without_reshapes(Value value, int64_t experts, int64_t last) {
  while (as<ov::op::v1::Reshape>(value) && is_stack(value, experts, last) && is_used_once(value)) {
    const auto input = value.get_node()->input_value(0);
    if (!is_stack(input, experts, last)) break;
    value = input;
  }
  return value;
}

// The size that a graph computes for axis 1, where a pattern has one value for each axis; none for others.
Value first_size(const Value& value) {
  const auto reshape = as<ov::op::v1::Reshape>(value);
  const auto pattern =
      reshape && !reshape->get_special_zero() ? as<ov::op::v0::Concat>(reshape->input_value(1)) : nullptr;
  const auto rank = value.get_partial_shape().rank();
  if (!pattern || rank.is_dynamic() || static_cast<int64_t>(pattern->get_input_size()) != rank.get_length()) return {};
  for (const auto& size : pattern->input_values()) {
    if (!has_rank(size, 1) || size_of(size, 0) != 1 || size.get_element_type() != ov::element::i64) return {};
  }
  return pattern->input_value(1);
}

// The router's weights of one expert after another, from [experts, tokens, 1] back to what they are scattered from.
// Tokens in two axes must be those of block.first_size and the rest of them.
bool find_routing(Value value, ExpertBlock& block) {
  const auto experts = static_cast<int64_t>(block.experts);
  if (!is_stack(value, experts, 1) || !is_used_once(value)) return false;
  const bool two_axes = has_rank(value, 4);
  const bool all_in_first = two_axes && size_of(value, 2) == 1;
  bool same_axes = !two_axes;
  while (as<ov::op::v0::Unsqueeze>(value) || as<ov::op::v1::Reshape>(value)) {
    // [experts, first_size, the rest], before the last axis is put behind it.
    if (two_axes && !all_in_first && has_rank(value, 3)) same_axes = first_size(value) == block.first_size;
    value = value.get_node()->input_value(0);
    // All are the same values in the same order: nothing but experts and tokens is larger than 1.
    const auto& shape = value.get_partial_shape();
    if (shape.rank().is_dynamic() || shape.size() < 2 || shape.size() > 4 || size_of(value, 0) != experts) return false;
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

  // The rows that are scattered into are the tokens.
  const auto rows = as<ov::op::v0::Concat>(zeros->input_value(1));
  if (all_in_first) same_axes = rows && rows->get_input_size() == 2 && rows->input_value(0) == block.first_size;
  if (!same_axes) return false;

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
    const auto outputs = static_cast<int64_t>(last_size(products));
    if (outputs == 0) continue;
    const auto inner = without_reshapes(products, size_of(products, 0), outputs);
    if (!is_used_once(products) || !find_expert_products(inner, block) || size_of(inner, 2) != outputs) continue;
    if (has_rank(products, 4)) {
      block.first_size = first_size(products);
      if (!block.first_size.get_node()) return false;
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
