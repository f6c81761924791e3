#include "openvino/graph/long_rope.h"

#include <limits>
#include <openvino/op/ops.hpp>
#include <optional>
#include <vector>

#include "openvino/core.h"

namespace llm {
namespace {

using Value = ov::Output<ov::Node>;

// One of the graph's comparisons: its input that grows with the positions, and the longest sequence for which it says
// short.
struct Choice {
  ov::Input<ov::Node> length;
  int64_t border;
};

std::optional<int64_t> scalar(const Value& value) {
  const auto* constant = ov::as_type<ov::op::v0::Constant>(value.get_node());
  if (!constant || ov::shape_size(constant->get_shape()) != 1) return std::nullopt;
  const int64_t number = constant->cast_vector<int64_t>().front();
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  return number >= -kMost && number <= kMost ? std::optional(number) : std::nullopt;
}

bool keeps_value(const ov::Node* node) {
  return ov::is_type<ov::op::v0::Convert>(node) || ov::is_type<ov::op::v1::Reshape>(node) ||
         ov::is_type<ov::op::v0::Squeeze>(node) || ov::is_type<ov::op::v0::Unsqueeze>(node);
}

// n, when the value is max(position_ids) + n.
std::optional<int64_t> beyond_last_position(Value value, const ov::Node* position_ids) {
  int64_t sum = 0;
  bool reduced = false;
  for (;;) {
    const ov::Node* node = value.get_node();
    if (node == position_ids) return reduced ? std::optional(sum) : std::nullopt;
    if (ov::is_type<ov::op::v1::Add>(node)) {
      const size_t side = scalar(node->input_value(0)) ? 1 : 0;
      const auto addend = scalar(node->input_value(1 - side));
      if (!addend) return std::nullopt;
      sum += *addend;
      value = node->input_value(side);
    } else if (ov::is_type<ov::op::v1::ReduceMax>(node) || keeps_value(node)) {
      reduced = reduced || ov::is_type<ov::op::v1::ReduceMax>(node);
      value = node->input_value(0);
    } else {
      return std::nullopt;
    }
  }
}

// The longest sequence for which `length - 1 + sum` compares with `constant` as it does for a short one.
std::optional<int64_t> border_of(const ov::Node* node, size_t side, int64_t sum, int64_t constant) {
  const bool greater = ov::is_type<ov::op::v1::Greater>(node), less = ov::is_type<ov::op::v1::Less>(node);
  const bool greater_equal = ov::is_type<ov::op::v1::GreaterEqual>(node);
  const bool less_equal = ov::is_type<ov::op::v1::LessEqual>(node);
  if (!greater && !less && !greater_equal && !less_equal) return std::nullopt;
  // x > c and x <= c change at the same place, and so do c < x and c >= x; the other four one below.
  const bool above = side == 0 ? greater || less_equal : less || greater_equal;
  return constant - sum + (above ? 1 : 0);
}

std::vector<Choice> choices(const ov::Model& model) {
  const ov::Node* position_ids = nullptr;
  for (const auto& input : model.inputs()) {
    if (input.get_names().contains("position_ids")) position_ids = input.get_node();
  }
  std::vector<Choice> found;
  if (!position_ids) return found;
  for (const auto& op : model.get_ops()) {
    if (op->get_input_size() != 2) continue;
    for (const size_t side : {size_t{0}, size_t{1}}) {
      const auto constant = scalar(op->input_value(1 - side));
      if (!constant || *constant <= 0) continue;
      const auto sum = beyond_last_position(op->input_value(side), position_ids);
      const auto border = sum ? border_of(op.get(), side, *sum, *constant) : std::nullopt;
      if (border && *border > 0) found.push_back({op->input(side), *border});
    }
  }
  return found;
}

// Puts `length`, a scalar i64, in the place of what the graph compares.
void replace(ov::Model& model, const Value& length) {
  for (auto& choice : choices(model)) {
    Value value = length;
    const auto type = choice.length.get_element_type();
    if (type != ov::element::i64) value = std::make_shared<ov::op::v0::Convert>(value, type);
    const auto rank = choice.length.get_partial_shape().rank();
    if (rank.is_static() && rank.get_length() > 0) {
      const std::vector<int64_t> ones(static_cast<size_t>(rank.get_length()), 1);
      const auto shape = ov::op::v0::Constant::create(ov::element::i64, {ones.size()}, ones);
      value = std::make_shared<ov::op::v1::Reshape>(value, shape, false);
    }
    choice.length.replace_source_output(value);
  }
  model.validate_nodes_and_infer_types();
}

}  // namespace

int64_t long_rope_border_of(const ov::Model& model) {
  int64_t border = 0;
  for (const auto& choice : choices(model)) {
    if (border != 0 && choice.border != border) {
      throw Failure(ERR_UNSUPPORTED_MODEL, "the graph changes its position factors at more than one length: " +
                                               std::to_string(border) + " and " + std::to_string(choice.border));
    }
    border = choice.border;
  }
  return border;
}

// On the right side of every positive number that a graph can compare with.
int64_t rope_length(Rope rope) { return rope == Rope::kShort ? 0 : std::numeric_limits<int32_t>::max(); }

void add_rope_input(ov::Model& model) {
  const auto length = std::make_shared<ov::op::v0::Parameter>(ov::element::i64, ov::PartialShape{});
  length->set_friendly_name(kRopeInput);
  length->output(0).set_names({kRopeInput});
  model.add_parameters({length});
  replace(model, length);
}

void fix_rope(ov::Model& model, Rope rope) {
  replace(model, ov::op::v0::Constant::create(ov::element::i64, {}, {rope_length(rope)}));
}

}  // namespace llm
