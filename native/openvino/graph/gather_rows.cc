#include "openvino/graph/gather_rows.h"

#include <functional>
#include <openvino/op/ops.hpp>
#include <openvino/op/util/binary_elementwise_arithmetic.hpp>
#include <openvino/op/util/unary_elementwise_arithmetic.hpp>
#include <set>
#include <utility>
#include <vector>

#include "openvino/core.h"

namespace llm {
namespace {

using NodePtr = std::shared_ptr<ov::Node>;
using Value = ov::Output<ov::Node>;

constexpr const char* kRowsInput = "sampled_tokens_indices";
// A step by whose shapes a way is judged: no dimension of a model is taken for one of these.
constexpr int64_t kTokens = 13, kRows = 7;

Value constant(const std::vector<int64_t>& values) {
  return ov::op::v0::Constant::create(ov::element::i64, {values.size()}, values);
}

bool is_shape_of(const ov::Node* node) {
  return ov::is_type<ov::op::v3::ShapeOf>(node) || ov::is_type<ov::op::v0::ShapeOf>(node);
}

// Whether a value hangs on inputs or states, and not on their shapes alone.
bool hangs_on_values(const Value& value) {
  std::vector<const ov::Node*> open{value.get_node()};
  std::set<const ov::Node*> seen;
  while (!open.empty()) {
    const ov::Node* node = open.back();
    open.pop_back();
    if (!seen.insert(node).second || is_shape_of(node)) continue;
    if (ov::is_type<ov::op::v0::Parameter>(node) || ov::is_type<ov::op::util::ReadValueBase>(node)) return true;
    for (size_t i = 0; i < node->get_input_size(); ++i) open.push_back(node->get_input_node_ptr(i));
  }
  return false;
}

// The MatMul with weights that makes the logits; null when there is none. Between it and the output every row goes its
// own way: an addition of something else that was computed (a residual) ends the search.
NodePtr find_head(ov::Model& model) {
  NodePtr node = model.output("logits").get_node_shared_ptr();
  for (;;) {
    if (ov::is_type<ov::op::v0::MatMul>(node)) return hangs_on_values(node->input_value(1)) ? nullptr : node;
    size_t next = 0;
    if (ov::is_type<ov::op::util::BinaryElementwiseArithmetic>(node)) {
      const bool second = !hangs_on_values(node->input_value(0));
      if (!second && hangs_on_values(node->input_value(1))) return nullptr;
      next = second ? 1 : 0;
    } else if (!ov::is_type<ov::op::v0::Result>(node) && !ov::is_type<ov::op::v0::Convert>(node) &&
               !ov::is_type<ov::op::v0::Clamp>(node) && !ov::is_type<ov::op::v1::Reshape>(node) &&
               !ov::is_type<ov::op::v0::Squeeze>(node) && !ov::is_type<ov::op::v0::Unsqueeze>(node) &&
               !ov::is_type<ov::op::util::UnaryElementwiseArithmetic>(node)) {
      return nullptr;
    }
    node = node->get_input_node_shared_ptr(next);
  }
}

// Whether a Gather picks rows out of the hidden states of all tokens, [tokens, width], by a column of indices that
// hangs on lengths alone. (The Gathers by which experts take their tokens hang on what a router computes.)
bool picks_rows(const NodePtr& node, const ov::Dimension& width) {
  if (!ov::is_type<ov::op::util::GatherBase>(node)) return false;
  const auto& rows = node->get_input_partial_shape(0);
  const auto& index = node->get_input_partial_shape(1);
  return rows.rank() == 2 && rows[0].is_dynamic() && rows[1].is_static() && rows[1] == width && index.rank() == 2 &&
         index[1] == 1 && !hangs_on_values(node->input_value(1));
}

// The Gathers above the head by which a graph from GGUF picks the last row by itself; none when anything that was
// computed for all tokens goes past them.
std::vector<NodePtr> last_row_picks(const NodePtr& head) {
  const auto& hidden = head->get_input_partial_shape(0);
  if (hidden.rank().is_dynamic() || hidden.size() == 0) return {};
  std::vector<NodePtr> found;
  std::vector<NodePtr> open{head->get_input_node_shared_ptr(0)};
  std::set<const ov::Node*> seen;
  while (!open.empty()) {
    const NodePtr node = open.back();
    open.pop_back();
    if (!seen.insert(node.get()).second || is_shape_of(node.get())) continue;
    if (picks_rows(node, hidden[hidden.size() - 1])) {
      found.push_back(node);
      continue;
    }
    if (ov::is_type<ov::op::v13::ScaledDotProductAttention>(node) || ov::is_type<ov::op::v0::Parameter>(node) ||
        ov::is_type<ov::op::util::ReadValueBase>(node)) {
      return {};
    }
    for (const auto& input : node->inputs()) open.push_back(input.get_source_output().get_node_shared_ptr());
  }
  return found;
}

bool replace_picks(ov::Model& model, const Value& rows) {
  const NodePtr head = find_head(model);
  const auto picks = head ? last_row_picks(head) : std::vector<NodePtr>();
  if (picks.empty()) return false;
  const auto column = std::make_shared<ov::op::v1::Reshape>(rows, constant({-1, 1}), false);
  for (const auto& gather : picks) gather->input(1).replace_source_output(column);
  return true;
}

// Of [batch, tokens, width], the wanted rows as [1, rows, width]; an empty value where a tensor has another form.
Value wanted_rows(const Value& value, const Value& rows) {
  const auto& shape = value.get_partial_shape();
  if (shape.rank().is_dynamic() || shape.size() != 3 || shape[2].is_dynamic()) return {};
  const auto flat = std::make_shared<ov::op::v1::Reshape>(value, constant({1, -1, shape[2].get_length()}), false);
  return std::make_shared<ov::op::v8::Gather>(flat, rows, constant({1}));
}

bool gather_before_head(ov::Model& model, const Value& rows) {
  const NodePtr head = find_head(model);
  const Value gathered = head ? wanted_rows(head->input_value(0), rows) : Value();
  if (gathered.get_node() == nullptr) return false;
  head->input(0).replace_source_output(gathered);
  return true;
}

bool gather_after_head(ov::Model& model, const Value& rows) {
  const auto result = model.output("logits").get_node_shared_ptr();
  const Value logits = result->input_value(0);
  const Value gathered = wanted_rows(logits, rows);
  if (gathered.get_node() == nullptr) return false;
  const auto names = result->output(0).get_names();
  logits.get_tensor().set_names({});
  result->input(0).replace_source_output(gathered);
  result->output(0).set_names(names);
  return true;
}

using Way = bool (*)(ov::Model&, const Value& rows);

bool rewrite(ov::Model& model, Way way) {
  const auto rows = std::make_shared<ov::op::v0::Parameter>(ov::element::i64, ov::PartialShape{-1});
  rows->set_friendly_name(kRowsInput);
  rows->output(0).set_names({kRowsInput});
  if (!way(model, rows)) return false;
  model.add_parameters({rows});
  return true;
}

// The shapes of a first step. What a Gather reads must be the rows of all tokens: an index beyond them is no error on
// CPU, but gives nonsense.
bool has_right_shapes(ov::Model& model) {
  const NodePtr input = model.input(kRowsInput).get_node_shared_ptr();
  for (const auto& parameter : model.get_parameters()) {
    auto shape = parameter->get_partial_shape();
    if (shape.rank().is_dynamic()) return false;
    const bool is_row = parameter == input;
    for (size_t i = 0; i < shape.size(); ++i) {
      if (shape[i].is_dynamic()) shape[i] = is_row ? kRows : i + 1 == shape.size() && shape.size() > 1 ? kTokens : 1;
    }
    parameter->set_partial_shape(shape);
  }
  model.validate_nodes_and_infer_types();
  const auto& logits = model.output("logits").get_partial_shape();
  if (logits.rank() != 3 || logits[0] != 1 || logits[1] != kRows) return false;
  std::vector<NodePtr> open{input};
  while (!open.empty()) {
    const NodePtr node = open.back();
    open.pop_back();
    for (const auto& target : node->output(0).get_target_inputs()) {
      const NodePtr user = target.get_node()->shared_from_this();
      if (!ov::is_type<ov::op::util::GatherBase>(user)) {
        open.push_back(user);  // the index as a column
        continue;
      }
      const auto& data = user->get_input_partial_shape(0);
      const auto& axis = ov::as_type_ptr<ov::op::v0::Constant>(user->get_input_node_shared_ptr(2));
      if (!axis || data.rank().is_dynamic()) return false;
      const auto at = static_cast<size_t>(axis->cast_vector<int64_t>().at(0));
      if (at >= data.size() || data[at] != kTokens) return false;
    }
  }
  return true;
}

// Tries it on a copy, because what fails halfway leaves a graph of no use.
bool works(const ov::Model& model, Way way) {
  const auto copy = model.clone();
  try {
    return rewrite(*copy, way) && has_right_shapes(*copy);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace

RowGather gather_rows(ov::Model& model) {
  static const std::vector<std::pair<Way, const char*>> ways = {
      {replace_picks, ""},
      {gather_before_head, ""},
      {gather_after_head, "its logits come from no product of hidden states with weights that can be cut before it"},
  };
  for (const auto& [way, lost] : ways) {
    if (!works(model, way)) continue;
    rewrite(model, way);
    model.validate_nodes_and_infer_types();
    return {true, lost};
  }
  return {false, "its logits " + model.output("logits").get_partial_shape().to_string() +
                     " cannot be computed for chosen tokens"};
}

}  // namespace llm
