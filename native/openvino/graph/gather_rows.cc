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

// Gathers above the logits that pick tokens by an index counted out with a Range.
std::vector<NodePtr> row_selections(const NodePtr& head) {
  std::vector<NodePtr> found;
  std::vector<NodePtr> open{head->get_input_node_shared_ptr(0)};
  std::set<const ov::Node*> seen;
  while (!open.empty()) {
    const NodePtr node = open.back();
    open.pop_back();
    if (!seen.insert(node.get()).second || ov::is_type<ov::op::v13::ScaledDotProductAttention>(node)) continue;
    if (ov::is_type<ov::op::util::GatherBase>(node)) {
      const ov::Node* index = node->get_input_node_ptr(1);
      while (!ov::is_type<ov::op::v4::Range>(index) && index->get_input_size() > 0)
        index = index->get_input_node_ptr(0);
      if (ov::is_type<ov::op::v4::Range>(index)) found.push_back(node);
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
  const auto selections = row_selections(head);
  if (!selections.empty()) {
    const auto column = std::make_shared<ov::op::v1::Reshape>(rows, constant({-1, 1}), false);
    for (const auto& gather : selections) gather->input(1).replace_source_output(column);
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
