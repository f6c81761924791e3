#include "openvino/graph/attention_mask.h"

#include <algorithm>
#include <cstring>
#include <openvino/op/ops.hpp>
#include <unordered_map>
#include <unordered_set>

#include "openvino/core.h"

namespace llm {
namespace {

using Value = ov::Output<ov::Node>;

// Elements of the largest tensor that is computed: a graph that makes a mask of all pairs is looked at no further.
constexpr size_t kMostElements = size_t{1} << 26;

// Whatever device the model is for, its masks are computed by the plugin that every package holds. (OpenVINO's
// reference implementation would need no plugin, but lacks operations that masks are made of, such as CumSum.)
constexpr const char* kHost = "CPU";

// The ends, and every node that they hang on; what a state begins with is none of them.
std::unordered_set<ov::Node*> above(std::vector<ov::Node*> open) {
  std::unordered_set<ov::Node*> found;
  while (!open.empty()) {
    ov::Node* node = open.back();
    open.pop_back();
    if (!found.insert(node).second || ov::is_type<ov::op::util::ReadValueBase>(node)) continue;
    for (size_t i = 0; i < node->get_input_size(); ++i) open.push_back(node->get_input_node_ptr(i));
  }
  return found;
}

size_t elements(const ov::Node& node) {
  size_t most = 0;
  for (const auto& output : node.outputs()) {
    const auto& shape = output.get_partial_shape();
    if (shape.is_static()) most = std::max(most, ov::shape_size(shape.to_shape()));
  }
  return most;
}

// [?, heads, ?, width] or any other layout of a state: its first dynamic dimension is the batch, the second the tokens.
ov::PartialShape state_shape(ov::PartialShape shape, int64_t sequences, int64_t past) {
  bool batch = true;
  for (auto& dimension : shape) {
    if (dimension.is_static()) continue;
    dimension = batch ? sequences : past;
    batch = false;
  }
  return shape;
}

bool is_shape_of(const ov::Node* node) {
  return ov::is_type<ov::op::v3::ShapeOf>(node) || ov::is_type<ov::op::v0::ShapeOf>(node);
}

// A copy of what makes these values, in which each state is an input, of which only the shape is looked at. Most of a
// model makes no mask, so this is far less than a copy of the model.
std::shared_ptr<ov::Model> copy_of(const ov::Model& model, const std::vector<Value>& values) {
  std::vector<ov::Node*> ends;
  for (const auto& value : values) ends.push_back(value.get_node());
  const auto wanted = above(ends);
  std::unordered_map<const ov::Node*, std::shared_ptr<ov::Node>> copies;
  const auto copied = [&copies](const Value& value) { return copies.at(value.get_node())->output(value.get_index()); };
  ov::ParameterVector parameters;
  for (const auto& op : model.get_ordered_ops()) {
    if (!wanted.contains(op.get())) continue;
    const bool is_state = ov::is_type<ov::op::util::ReadValueBase>(op);
    if (is_state || ov::is_type<ov::op::v0::Parameter>(op)) {
      const auto& output = op->output(0);
      const auto input = std::make_shared<ov::op::v0::Parameter>(output.get_element_type(), output.get_partial_shape());
      if (!is_state) input->output(0).set_names(output.get_names());
      parameters.push_back(input);
      copies[op.get()] = input;
      continue;
    }
    ov::OutputVector inputs;
    for (const auto& input : op->input_values()) inputs.push_back(copied(input));
    copies[op.get()] = op->clone_with_new_inputs(inputs);
  }
  ov::ResultVector results;
  for (const auto& value : values) {
    Value mask = copied(value);
    if (mask.get_element_type() != ov::element::boolean && mask.get_element_type() != ov::element::f32) {
      mask = std::make_shared<ov::op::v0::Convert>(mask, ov::element::f32);
    }
    results.push_back(std::make_shared<ov::op::v0::Result>(mask));
  }
  return std::make_shared<ov::Model>(results, parameters);
}

// What is fed to an input that a mask hangs on.
ov::Tensor tensor_for(const ov::op::v0::Parameter& input, const AttentionMasks::Lengths& lengths) {
  const auto [past, count, padding] = lengths;
  const auto& names = input.output(0).get_names();
  ov::Tensor tensor(input.get_element_type(), input.get_partial_shape().to_shape());
  if (names.contains("attention_mask")) {
    std::fill_n(tensor.data<int64_t>(), tensor.get_size(), 1);
    if (padding > 0) std::fill_n(tensor.data<int64_t>() + past + count, padding, 0);
  } else if (names.contains("position_ids")) {
    for (int64_t i = 0; i < static_cast<int64_t>(tensor.get_size()); ++i) {
      tensor.data<int64_t>()[i] = past + i % count - (i < count ? 0 : padding);
    }
  } else if (names.contains("beam_idx")) {
    std::memset(tensor.data(), 0, tensor.get_byte_size());
  } else if (names.contains("input_ids")) {
    // Padding or spans of images: whatever tokens it is computed for here, others may be seen in another way.
    throw Failure(ERR_UNSUPPORTED_MODEL, "its mask hangs on the tokens themselves");
  } else {
    throw Failure(ERR_UNSUPPORTED_MODEL, "its mask hangs on what the model has computed");
  }
  return tensor;
}

// A copy of the graph for steps of these lengths. With all shapes known, what only asks for a shape needs nothing else
// of the graph: that leaves the weights out.
std::shared_ptr<ov::Model> graph_for(const ov::Model& masks, const AttentionMasks::Lengths& lengths) {
  const auto [past, count, padding] = lengths;
  const int64_t sequences = padding > 0 ? 2 : 1;
  const auto graph = masks.clone();
  for (const auto& input : graph->get_parameters()) {
    const auto& names = input->output(0).get_names();
    const auto named = [&names](const char* name) { return names.contains(name); };
    if (named("input_ids") || named("position_ids")) {
      input->set_partial_shape({sequences, count});
    } else if (named("attention_mask")) {
      input->set_partial_shape({sequences, past + count});
    } else if (named("beam_idx")) {
      input->set_partial_shape({sequences});
    } else {
      input->set_partial_shape(state_shape(input->get_partial_shape(), sequences, past));
    }
  }
  graph->validate_nodes_and_infer_types();
  for (const auto& op : graph->get_ops()) {
    if (!is_shape_of(op.get()) || op->get_input_partial_shape(0).is_dynamic()) continue;
    const auto shape = op->get_input_shape(0);
    op->output(0).replace(
        ov::op::v0::Constant::create(op->get_output_element_type(0), ov::Shape{shape.size()}, shape)->output(0));
  }
  return graph;
}

}  // namespace

AttentionMasks::AttentionMasks(const ov::Model& model) {
  std::vector<Value> masks;
  for (const auto& op : model.get_ordered_ops()) {
    const auto attention = ov::as_type_ptr<ov::op::v13::ScaledDotProductAttention>(op);
    if (!attention) continue;
    Layer layer{op->get_friendly_name(), -1, attention->get_causal(), op->get_input_size() > 5};
    // A scalar in the mask's place means none.
    if (op->get_input_size() > 3 && op->get_input_partial_shape(3).rank() != 0) {
      const auto mask = op->input_value(3);
      const auto known = std::find(masks.begin(), masks.end(), mask);
      layer.mask = known - masks.begin();
      if (known == masks.end()) masks.push_back(mask);
    }
    layers_.push_back(std::move(layer));
  }
  graph_ = copy_of(model, masks);
}

std::vector<std::vector<ov::Tensor>> AttentionMasks::compute(const std::vector<Lengths>& steps) const {
  const size_t masks = graph_->get_results().size();
  if (masks == 0 || steps.empty()) return std::vector<std::vector<ov::Tensor>>(steps.size());
  ov::ResultVector results;
  ov::ParameterVector parameters;
  ov::TensorVector inputs;
  for (const auto& lengths : steps) {
    const auto graph = graph_for(*graph_, lengths);
    std::vector<ov::Node*> ends;
    for (const auto& result : graph->get_results()) {
      ends.push_back(result.get());
      results.push_back(result);
    }
    for (ov::Node* node : above(ends)) {
      if (elements(*node) > kMostElements) {
        throw Failure(ERR_UNSUPPORTED_MODEL, "its mask is computed from tensors too large to look at for " +
                                                 std::to_string(lengths.past + lengths.count) + " tokens");
      }
      const auto parameter = ov::as_type_ptr<ov::op::v0::Parameter>(node->shared_from_this());
      if (!parameter) continue;
      inputs.push_back(tensor_for(*parameter, lengths));
      parameters.push_back(parameter);
    }
  }
  const auto cut = std::make_shared<ov::Model>(results, parameters);
  // An input of each step has the same name, which the plugin would refuse.
  for (const auto& parameter : parameters) parameter->output(0).set_names({});
  auto request =
      core().compile_model(cut, kHost, ov::hint::inference_precision(ov::element::f32)).create_infer_request();
  for (size_t i = 0; i < inputs.size(); ++i) request.set_input_tensor(i, inputs[i]);
  request.infer();
  std::vector<std::vector<ov::Tensor>> computed(steps.size());
  for (size_t i = 0; i < results.size(); ++i) computed[i / masks].push_back(request.get_output_tensor(i));
  return computed;
}

}  // namespace llm
