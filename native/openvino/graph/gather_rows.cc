#include "openvino/graph/gather_rows.h"

#include <openvino/op/ops.hpp>
#include <set>
#include <vector>

#include "openvino/core.h"

namespace llm {
namespace {

using NodePtr = std::shared_ptr<ov::Node>;

// The MatMul that makes the logits, found upwards from the output.
NodePtr logits_matmul(ov::Model& model) {
  NodePtr node = model.output("logits").get_node_shared_ptr();
  while (!ov::is_type<ov::op::v0::MatMul>(node)) {
    if (node->get_input_size() == 0)
      throw Failure(ERR_UNSUPPORTED_MODEL, "the graph's logits do not come from a MatMul");
    const bool constant_first = ov::is_type<ov::op::v0::Constant>(node->get_input_node_ptr(0));
    node = node->get_input_node_shared_ptr(constant_first && node->get_input_size() > 1 ? 1 : 0);
  }
  return node;
}

// Whether a Gather picks rows out of the hidden states of all tokens, [tokens, width], by a column of indices.
bool picks_rows(const NodePtr& node, const ov::Dimension& width) {
  if (!ov::is_type<ov::op::util::GatherBase>(node)) return false;
  const auto& rows = node->get_input_partial_shape(0);
  const auto& index = node->get_input_partial_shape(1);
  return rows.rank() == 2 && rows[0].is_dynamic() && rows[1].is_static() && rows[1] == width && index.rank() == 2 &&
         index[1] == 1;
}

// The Gathers above the head by which a graph from GGUF picks the last row by itself, before the last layer's
// feed-forward. Exports of optimum-intel gather for other ends (repeated heads, masks), and never so.
std::vector<NodePtr> last_row_picks(const NodePtr& head) {
  const auto& hidden = head->get_input_partial_shape(0);
  if (hidden.rank().is_dynamic() || hidden.size() == 0) return {};
  std::vector<NodePtr> found;
  std::vector<NodePtr> open{head->get_input_node_shared_ptr(0)};
  std::set<const ov::Node*> seen;
  while (!open.empty()) {
    const NodePtr node = open.back();
    open.pop_back();
    if (!seen.insert(node.get()).second || ov::is_type<ov::op::v13::ScaledDotProductAttention>(node)) continue;
    if (picks_rows(node, hidden[hidden.size() - 1])) {
      found.push_back(node);
      continue;
    }
    for (const auto& input : node->inputs()) open.push_back(input.get_source_output().get_node_shared_ptr());
  }
  return found;
}

}  // namespace

void gather_rows(ov::Model& model) {
  const auto rows = std::make_shared<ov::op::v0::Parameter>(ov::element::i64, ov::PartialShape{-1});
  rows->set_friendly_name("sampled_tokens_indices");
  rows->output(0).set_names({"sampled_tokens_indices"});
  const auto constant = [](const std::vector<int64_t>& values) {
    return ov::op::v0::Constant::create(ov::element::i64, {values.size()}, values);
  };
  const NodePtr head = logits_matmul(model);
  const auto picks = last_row_picks(head);
  if (!picks.empty()) {
    const auto column = std::make_shared<ov::op::v1::Reshape>(rows, constant({-1, 1}), false);
    for (const auto& gather : picks) gather->input(1).replace_source_output(column);
  } else {
    const auto hidden = head->input_value(0);  // [batch, tokens, hidden]
    const auto& shape = hidden.get_partial_shape();
    if (shape.rank().is_dynamic() || shape.size() != 3 || shape[2].is_dynamic()) {
      throw Failure(ERR_UNSUPPORTED_MODEL, "the hidden states before the logits are not [batch, tokens, width]");
    }
    const auto flat = std::make_shared<ov::op::v1::Reshape>(hidden, constant({1, -1, shape[2].get_length()}), false);
    head->input(0).replace_source_output(std::make_shared<ov::op::v8::Gather>(flat, rows, constant({1})));
  }
  model.add_parameters({rows});
  model.validate_nodes_and_infer_types();
}

}  // namespace llm
