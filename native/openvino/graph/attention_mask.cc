#include "openvino/graph/attention_mask.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <openvino/op/ops.hpp>
#include <set>

#include "openvino/core.h"

namespace llm {
namespace {

using Value = ov::Output<ov::Node>;

// Elements of the largest tensor that is computed: a graph that makes a mask of all pairs is looked at no further.
constexpr size_t kMostElements = size_t{1} << 26;

// Whatever device the model is for, its masks are computed by the plugin that every package holds. (OpenVINO's
// reference implementation would need no plugin, but lacks operations that masks are made of, such as CumSum.)
constexpr const char* kHost = "CPU";

// The ends, and every node that they hang on.
std::vector<ov::Node*> above(const std::vector<ov::Node*>& ends) {
  std::vector<ov::Node*> open = ends, found;
  std::set<const ov::Node*> seen;
  while (!open.empty()) {
    ov::Node* node = open.back();
    open.pop_back();
    if (!seen.insert(node).second) continue;
    found.push_back(node);
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

}  // namespace

AttentionMasks::AttentionMasks(const ov::Model& model) {
  const auto clone = model.clone();
  ov::ResultVector results;
  std::map<std::pair<const ov::Node*, size_t>, int64_t> outputs;
  for (const auto& op : clone->get_ordered_ops()) {
    const auto attention = ov::as_type_ptr<ov::op::v13::ScaledDotProductAttention>(op);
    if (!attention) continue;
    Layer layer{op->get_friendly_name(), -1, attention->get_causal(), op->get_input_size() > 5};
    // A scalar in the mask's place means none.
    const bool masked = op->get_input_size() > 3 && op->get_input_partial_shape(3).rank() != 0;
    if (masked) {
      Value mask = op->input_value(3);
      const auto [found, is_new] =
          outputs.try_emplace({mask.get_node(), mask.get_index()}, static_cast<int64_t>(results.size()));
      if (is_new) {
        if (mask.get_element_type() != ov::element::boolean && mask.get_element_type() != ov::element::f32) {
          mask = std::make_shared<ov::op::v0::Convert>(mask, ov::element::f32);
        }
        results.push_back(std::make_shared<ov::op::v0::Result>(mask));
      }
      layer.mask = found->second;
    }
    layers_.push_back(std::move(layer));
  }
  // States become inputs, of which only the shapes are looked at.
  auto parameters = clone->get_parameters();
  for (const auto& op : clone->get_ops()) {
    if (!ov::is_type<ov::op::util::ReadValueBase>(op)) continue;
    const auto& output = op->output(0);
    const auto state = std::make_shared<ov::op::v0::Parameter>(output.get_element_type(), output.get_partial_shape());
    op->output(0).replace(state->output(0));
    parameters.push_back(state);
  }
  graph_ = std::make_shared<ov::Model>(results, parameters);
}

std::vector<ov::Tensor> AttentionMasks::compute(const Lengths& lengths) const {
  if (graph_->get_results().empty()) return {};
  const auto [past, count, padding] = lengths;
  const int64_t sequences = padding > 0 ? 2 : 1;
  const auto graph = graph_->clone();
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
  // With all shapes known, what only asks for a shape needs nothing else of the graph: that leaves the weights out.
  for (const auto& op : graph->get_ops()) {
    if (!is_shape_of(op.get()) || op->get_input_partial_shape(0).is_dynamic()) continue;
    const auto shape = op->get_input_shape(0);
    op->output(0).replace(
        ov::op::v0::Constant::create(op->get_output_element_type(0), ov::Shape{shape.size()}, shape)->output(0));
  }
  std::vector<ov::Node*> ends;
  for (const auto& result : graph->get_results()) ends.push_back(result.get());
  ov::ParameterVector parameters;
  ov::TensorVector inputs;
  for (ov::Node* node : above(ends)) {
    if (elements(*node) > kMostElements) {
      throw Failure(ERR_UNSUPPORTED_MODEL, "its mask is computed from tensors too large to look at for " +
                                               std::to_string(past + count) + " tokens");
    }
    const auto parameter = ov::as_type_ptr<ov::op::v0::Parameter>(node->shared_from_this());
    if (!parameter) continue;
    const auto& names = parameter->output(0).get_names();
    ov::Tensor tensor(parameter->get_element_type(), parameter->get_partial_shape().to_shape());
    if (names.contains("attention_mask")) {
      std::fill_n(tensor.data<int64_t>(), tensor.get_size(), 1);
      if (padding > 0) std::fill_n(tensor.data<int64_t>() + past + count, padding, 0);
    } else if (names.contains("position_ids")) {
      for (int64_t i = 0; i < count * sequences; ++i) {
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
    parameters.push_back(parameter);
    inputs.push_back(tensor);
  }
  const auto cut = std::make_shared<ov::Model>(graph->get_results(), parameters);
  auto request =
      core().compile_model(cut, kHost, ov::hint::inference_precision(ov::element::f32)).create_infer_request();
  for (size_t i = 0; i < inputs.size(); ++i) request.set_input_tensor(i, inputs[i]);
  request.infer();
  std::vector<ov::Tensor> masks;
  for (size_t i = 0; i < cut->get_results().size(); ++i) masks.push_back(request.get_output_tensor(i));
  return masks;
}

}  // namespace llm
