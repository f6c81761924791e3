#include "openvino/graph/gguf_rope.h"

#include <cstring>
#include <map>
#include <openvino/op/ops.hpp>
#include <optional>
#include <vector>

namespace llm {
namespace {

using NodePtr = std::shared_ptr<ov::Node>;
using Value = ov::Output<ov::Node>;
using ConstantPtr = std::shared_ptr<ov::op::v0::Constant>;

// x * cos + rotated(x) * sin, where rotated swaps neighbours and negates the second of each two.
struct Rotation {
  NodePtr sum;
  Value x;         // [batch, tokens, heads, head size]
  Value cos, sin;  // [batch, tokens, 1, head size / 2]
  std::vector<ConstantPtr> weights;
  size_t heads = 0;
  size_t head_size = 0;
};

template <class Op>
NodePtr as(const Value& value) {
  const auto node = value.get_node_shared_ptr();
  return ov::is_type<Op>(node) ? node : nullptr;
}

// What the two halves of the table were repeated from.
Value unrepeated(Value table) {
  while (as<ov::op::v1::Reshape>(table) || as<ov::op::v3::Broadcast>(table) || as<ov::op::v0::Unsqueeze>(table)) {
    table = table.get_node()->input_value(0);
  }
  return table;
}

bool is_minus_one(const Value& value) {
  const auto constant = ov::as_type_ptr<ov::op::v0::Constant>(value.get_node_shared_ptr());
  return constant && ov::shape_size(constant->get_shape()) == 1 && constant->cast_vector<float>().front() == -1.0F;
}

// The constants that a weight of `rows` output rows is made of; each has the rows in its first dimension. Nothing when
// it is made in another way, or when something else uses them too.
std::optional<std::vector<ConstantPtr>> weight_constants(const Value& weight, size_t rows) {
  std::vector<ConstantPtr> found;
  std::vector<Value> open{weight};
  while (!open.empty()) {
    const Value value = open.back();
    open.pop_back();
    const auto node = value.get_node_shared_ptr();
    if (value.get_target_inputs().size() != 1) return std::nullopt;
    if (const auto constant = ov::as_type_ptr<ov::op::v0::Constant>(node)) {
      if (constant->get_shape().empty() || constant->get_shape()[0] != rows) return std::nullopt;
      if (constant->get_byte_size() % rows != 0) return std::nullopt;
      found.push_back(constant);
    } else if (ov::is_type<ov::op::v0::Convert>(node) || ov::is_type<ov::op::v1::Reshape>(node)) {
      open.push_back(node->input_value(0));
    } else if (ov::is_type<ov::op::v1::Subtract>(node) || ov::is_type<ov::op::v1::Multiply>(node)) {
      open.push_back(node->input_value(0));
      open.push_back(node->input_value(1));
    } else {
      return std::nullopt;
    }
  }
  return found;
}

// The constants that the rows of x come from: Reshape(MatMul(…, weight)), with a bias or without.
std::optional<std::vector<ConstantPtr>> row_constants(const Value& x, size_t rows) {
  const auto reshape = as<ov::op::v1::Reshape>(x);
  if (!reshape) return std::nullopt;
  Value product = reshape->input_value(0);
  std::vector<ConstantPtr> constants;
  if (const auto add = as<ov::op::v1::Add>(product)) {
    const auto bias = ov::as_type_ptr<ov::op::v0::Constant>(add->get_input_node_shared_ptr(1));
    if (!bias || ov::shape_size(bias->get_shape()) != rows || bias->output(0).get_target_inputs().size() != 1) {
      return std::nullopt;
    }
    constants.push_back(bias);
    product = add->input_value(0);
  }
  const auto matmul = ov::as_type_ptr<ov::op::v0::MatMul>(product.get_node_shared_ptr());
  if (!matmul || !matmul->get_transpose_b()) return std::nullopt;
  const auto weights = weight_constants(matmul->input_value(1), rows);
  if (!weights) return std::nullopt;
  constants.insert(constants.end(), weights->begin(), weights->end());
  return constants;
}

std::optional<Rotation> match(const NodePtr& sum) {
  if (!ov::is_type<ov::op::v1::Add>(sum)) return std::nullopt;
  const auto by_cos = as<ov::op::v1::Multiply>(sum->input_value(0));
  const auto by_sin = as<ov::op::v1::Multiply>(sum->input_value(1));
  if (!by_cos || !by_sin) return std::nullopt;
  const auto merged = as<ov::op::v1::Reshape>(by_sin->input_value(0));
  const auto swapped = merged ? as<ov::op::v0::Concat>(merged->input_value(0)) : nullptr;
  if (!swapped || swapped->get_input_size() != 2) return std::nullopt;
  const auto negated = as<ov::op::v1::Multiply>(swapped->input_value(0));
  const auto split = as<ov::op::v1::Split>(swapped->input_value(1));
  if (!negated || !split || !is_minus_one(negated->input_value(1))) return std::nullopt;
  if (negated->input_value(0) != split->output(1) || swapped->input_value(1) != split->output(0)) return std::nullopt;
  const auto pairs = as<ov::op::v1::Reshape>(split->input_value(0));
  Rotation rotation{
      sum, by_cos->input_value(0), unrepeated(by_cos->input_value(1)), unrepeated(by_sin->input_value(1)), {}, 0, 0};
  if (!pairs || pairs->input_value(0) != rotation.x) return std::nullopt;
  const auto& shape = rotation.x.get_partial_shape();
  const auto& pair_shape = pairs->get_output_partial_shape(0);
  if (shape.rank().is_dynamic() || shape.size() != 4 || shape[2].is_dynamic() || shape[3].is_dynamic())
    return std::nullopt;
  if (pair_shape.rank().is_dynamic() || pair_shape.size() != 5 || pair_shape[4] != 2) return std::nullopt;
  rotation.heads = static_cast<size_t>(shape[2].get_length());
  rotation.head_size = static_cast<size_t>(shape[3].get_length());
  for (const Value& table : {rotation.cos, rotation.sin}) {
    const auto& size = table.get_partial_shape();
    if (size.rank().is_dynamic() || size.size() != 4 || size[3] != ov::Dimension(shape[3].get_length() / 2)) {
      return std::nullopt;
    }
  }
  const auto constants = row_constants(rotation.x, rotation.heads * rotation.head_size);
  if (!constants) return std::nullopt;
  rotation.weights = *constants;
  return rotation;
}

// Of each head first the even rows, then the odd ones.
void permute_rows(const ConstantPtr& constant, const Rotation& rotation) {
  const size_t rows = rotation.heads * rotation.head_size;
  const size_t bytes = constant->get_byte_size() / rows;
  const size_t half = rotation.head_size / 2;
  const auto permuted = std::make_shared<ov::op::v0::Constant>(constant->get_element_type(), constant->get_shape());
  const auto* from = static_cast<const char*>(constant->get_data_ptr());
  auto* to = static_cast<char*>(const_cast<void*>(permuted->get_data_ptr()));  // its own memory, just made
  for (size_t row = 0; row < rows; ++row) {
    const size_t head = row / rotation.head_size * rotation.head_size;
    const size_t place = row % rotation.head_size;
    const size_t source = head + (place < half ? 2 * place : 2 * (place - half) + 1);
    std::memcpy(to + row * bytes, from + source * bytes, bytes);
  }
  constant->output(0).replace(permuted->output(0));
}

NodePtr indices(const std::vector<int64_t>& values) {
  return ov::op::v0::Constant::create(ov::element::i64, {values.size()}, values);
}

NodePtr swap_tokens_and_heads(const Value& value) {
  return std::make_shared<ov::op::v1::Transpose>(value, indices({0, 2, 1, 3}));
}

// The plugins' pattern wants [batch, heads, tokens, head size] and tables of [batch, 1, tokens, head size].
void rewrite(const Rotation& rotation, std::map<Value, NodePtr>& tables) {
  const auto table = [&tables](const Value& half) {
    auto& whole = tables[half];
    if (!whole) {
      const auto swapped = swap_tokens_and_heads(half);
      whole = std::make_shared<ov::op::v0::Concat>(ov::OutputVector{swapped, swapped}, -1);
    }
    return whole;
  };
  for (const auto& constant : rotation.weights) permute_rows(constant, rotation);
  const auto axis = ov::op::v0::Constant::create(ov::element::i64, {}, {3});
  const auto minus_one = ov::op::v0::Constant::create(ov::element::f32, {}, {-1.0F});
  const auto x = swap_tokens_and_heads(rotation.x);
  const auto halves =
      std::make_shared<ov::op::v1::VariadicSplit>(x, axis, indices({static_cast<int64_t>(rotation.head_size / 2), -1}));
  const auto negated = std::make_shared<ov::op::v1::Multiply>(halves->output(1), minus_one);
  const auto rotated = std::make_shared<ov::op::v0::Concat>(ov::OutputVector{negated, halves->output(0)}, -1);
  const auto by_cos = std::make_shared<ov::op::v1::Multiply>(x, table(rotation.cos));
  const auto by_sin = std::make_shared<ov::op::v1::Multiply>(rotated, table(rotation.sin));
  const auto sum = std::make_shared<ov::op::v1::Add>(by_cos, by_sin);
  sum->set_friendly_name(rotation.sum->get_friendly_name());
  rotation.sum->output(0).replace(swap_tokens_and_heads(sum)->output(0));
}

}  // namespace

size_t rotate_halves(ov::Model& model, size_t unrotated) {
  std::vector<Rotation> rotations;
  size_t attentions = 0;
  for (const auto& op : model.get_ordered_ops()) {
    if (ov::is_type<ov::op::v13::ScaledDotProductAttention>(op)) ++attentions;
    if (auto rotation = match(op)) rotations.push_back(std::move(*rotation));
  }
  if (rotations.size() + 2 * unrotated != 2 * attentions) return 0;
  std::map<Value, NodePtr> tables;
  for (const auto& rotation : rotations) rewrite(rotation, tables);
  model.validate_nodes_and_infer_types();
  return rotations.size();
}

}  // namespace llm
