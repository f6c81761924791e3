#include "openvino/kernels/expert_products.h"

#include <openvino/op/ops.hpp>
#include <optional>

#include "openvino/kernels/graph_views.h"
#include "openvino/kernels/layer_groups.h"

namespace llm {
namespace {

using NodePtr = std::shared_ptr<ov::Node>;
using Value = ov::Output<ov::Node>;

template <class Op>
std::shared_ptr<Op> as(const Value& value) {
  return ov::as_type_ptr<Op>(value.get_node_shared_ptr());
}

bool is_used_once(const Value& value) { return value.get_target_inputs().size() == 1; }

bool has_shape(const Value& value, const ov::Shape& shape) {
  return value.get_partial_shape().is_static() && value.get_shape() == shape;
}

// The one number of a constant.
std::optional<float> number(Value value) {
  while (as<ov::op::v0::Convert>(value)) value = value.get_node()->input_value(0);
  const auto constant = as<ov::op::v0::Constant>(value);
  if (!constant || ov::shape_size(constant->get_shape()) != 1) return std::nullopt;
  return constant->cast_vector<float>()[0];
}

// What is combined with a constant, which comes from either side.
template <class Op>
bool split_number(const Value& value, Value& other, float& constant) {
  const auto op = as<Op>(value);
  if (!op) return false;
  for (size_t side : {1U, 0U}) {
    const auto found = number(op->input_value(side));
    if (!found) continue;
    constant = *found;
    other = op->input_value(1 - side);
    return other.get_partial_shape() == value.get_partial_shape();
  }
  return false;
}

// A value [experts, tokens, width] that a row for each expert is added to.
bool split_bias(const Value& value, size_t experts, Value& other, Value& bias) {
  const auto sum = as<ov::op::v1::Add>(value);
  if (!sum) return false;
  for (size_t side : {1U, 0U}) {
    bias = sum->input_value(side);
    other = sum->input_value(1 - side);
    if (has_shape(bias, {experts, 1, last_size(value)}) && bias.get_element_type() == ov::element::f32) return true;
  }
  return false;
}

size_t experts_of(const ov::op::v0::MatMul& product) { return product.get_input_shape(1)[0]; }

// A stacked product of the tokens; `tokens` is what repeats them for each expert.
bool find_product(const Value& value, ExpertProducts& block, NodePtr& tokens, CompressedWeights& weights) {
  const auto matmul = as<ov::op::v0::MatMul>(value);
  std::string obstacle;
  if (!matmul || !find_compressed_stack(*matmul, weights, obstacle)) return false;
  const auto stacked = as<ov::op::v1::Reshape>(matmul->input_value(0));
  if (!stacked) return false;
  tokens = stacked->get_input_node_shared_ptr(0);
  const auto experts = static_cast<int64_t>(experts_of(*matmul));
  const auto columns = static_cast<int64_t>(weights.source.columns);
  const ov::PartialShape rows{-1, columns};
  block.matmuls.push_back(matmul.get());
  return ov::is_type<ov::op::v0::Tile>(tokens) &&
         constant_integers(tokens->input_value(1)) == std::vector<int64_t>{experts, 1} &&
         rows.compatible(tokens->get_input_partial_shape(0)) && tokens->get_input_partial_shape(0)[1].is_static() &&
         stacked->get_output_partial_shape(0).rank() == 3 && stacked->get_output_partial_shape(0)[0] == experts &&
         stacked->get_output_partial_shape(0)[2] == columns;
}

// silu(gate) * up.
bool find_plain_gate(const ov::op::v1::Multiply& gated, ExpertProducts& block) {
  for (size_t side : {0U, 1U}) {
    Value gate;
    NodePtr others;
    const auto silu = gated.input_value(side);
    const auto up = gated.input_value(1 - side);
    if (!is_used_once(silu) || !is_used_once(up) || !find_silu(silu, gate)) continue;
    block.matmuls.resize(1);
    if (!find_product(gate, block, block.tokens, block.gate) || !find_product(up, block, others, block.up)) continue;
    return block.tokens->input_value(0) == others->input_value(0);
  }
  return false;
}

// Every second value of the last axis.
bool is_half(const Value& value, int64_t first, const Value& whole) {
  const auto slice = as<ov::op::v8::Slice>(value);
  return slice && slice->input_value(0) == whole && slice->get_input_size() == 5 && is_used_once(value) &&
         constant_integers(slice->input_value(1)) == std::vector<int64_t>{first} &&
         constant_integers(slice->input_value(3)) == std::vector<int64_t>{2} &&
         is_last_axis(slice->input_value(4), whole) && 2 * last_size(value) == last_size(whole);
}

// Of one matrix, every second row.
CompressedWeights half_of(const CompressedWeights& both, size_t first) {
  CompressedWeights half = both;
  half.source.rows = both.source.rows / 2;
  half.source.first_row = first;
  half.source.row_step = 2;
  return half;
}

bool find_clamped_gate(const ov::op::v1::Multiply& gated, ExpertProducts& block) {
  for (size_t side : {0U, 1U}) {
    const auto swish = as<ov::op::v4::Swish>(gated.input_value(side));
    if (!swish || swish->get_input_size() != 2 || !is_used_once(swish)) continue;
    const auto alpha = number(swish->input_value(1));
    float limit = 0;
    float one = 0;
    Value gate;
    Value clamped;
    const auto ups = gated.input_value(1 - side);
    if (!alpha || *alpha == 0 || !is_used_once(swish->input_value(0)) || !is_used_once(ups) ||
        !split_number<ov::op::v1::Minimum>(swish->input_value(0), gate, limit) ||
        !split_number<ov::op::v1::Add>(ups, clamped, one) || one != 1) {
      continue;
    }
    const auto clamp = as<ov::op::v0::Clamp>(clamped);
    if (!clamp || !is_used_once(clamped) || static_cast<float>(clamp->get_max()) != limit ||
        static_cast<float>(clamp->get_min()) != -limit) {
      continue;
    }
    const auto slice = as<ov::op::v8::Slice>(gate);
    if (!slice) continue;
    const auto both = slice->input_value(0);
    if (!is_half(gate, 0, both) || !is_half(clamp->input_value(0), 1, both)) continue;
    Value product;
    Value bias;
    CompressedWeights weights;
    block.matmuls.resize(1);
    if (both.get_target_inputs().size() != 2 || !split_bias(both, block.experts, product, bias) ||
        !is_used_once(product) || !find_product(product, block, block.tokens, weights)) {
      continue;
    }
    block.gate = half_of(weights, 0);
    block.up = half_of(weights, 1);
    const std::vector<float> numbers{*alpha, limit};
    block.biases = {bias, ov::op::v0::Constant::create(ov::element::f32, {2}, numbers)};
    return true;
  }
  return false;
}

}  // namespace

bool find_expert_products(const Value& value, ExpertProducts& found) {
  if (value.get_partial_shape().rank() != 3 || value.get_partial_shape()[0].is_dynamic() || !is_used_once(value)) {
    return false;
  }
  found.experts = static_cast<size_t>(value.get_partial_shape()[0].get_length());
  Value product;
  Value bias;
  const bool biased = split_bias(value, found.experts, product, bias);
  if (!biased) product = value;
  const auto down = as<ov::op::v0::MatMul>(product);
  std::string obstacle;
  if (!down || !is_used_once(product) || !find_compressed_stack(*down, found.down, obstacle)) return false;
  if (experts_of(*down) != found.experts) return false;
  found.matmuls = {down.get()};
  const auto gated = as<ov::op::v1::Multiply>(down->input_value(0));
  if (!gated || !is_used_once(gated)) return false;
  if (!biased) return find_plain_gate(*gated, found);
  if (!find_clamped_gate(*gated, found)) return false;
  found.biases.insert(found.biases.begin() + 1, bias);
  return true;
}

}  // namespace llm
