#include "openvino/kernels/graph_views.h"

#include <algorithm>
#include <openvino/op/ops.hpp>

namespace llm {
namespace {

// Axes of the size 1 may go anywhere.
bool keeps_order(const ov::Node& transpose) {
  const auto order = constant_integers(transpose.input_value(1));
  const auto& shape = transpose.get_input_partial_shape(0);
  int64_t last = -1;
  for (const int64_t axis : order) {
    if (shape[axis] == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return order.size() == shape.size();
}

// A slice that takes everything.
bool takes_all(const ov::Node& slice) {
  const auto steps = constant_integers(slice.input_value(3));
  return steps == std::vector<int64_t>{1} && slice.get_input_size() == 5 &&
         constant_integers(slice.input_value(4)).size() == 1 &&
         slice.get_input_partial_shape(0) == slice.get_output_partial_shape(0) &&
         slice.get_input_partial_shape(0)[slice.get_input_partial_shape(0).size() - 1].is_static();
}

bool shows_all(const ov::Node& node) {
  if (ov::is_type<ov::op::v1::Reshape>(&node) || ov::is_type<ov::op::v0::Unsqueeze>(&node) ||
      ov::is_type<ov::op::v0::Squeeze>(&node)) {
    return true;
  }
  if (ov::is_type<ov::op::v1::Transpose>(&node)) return keeps_order(node);
  // Where a graph says f16, the plugin computes in f32 around the built-in kernels.
  return ov::is_type<ov::op::v0::Convert>(&node) && node.get_output_element_type(0).is_real();
}

}  // namespace

bool has_one_unknown_size(const ov::PartialShape& shape) {
  if (shape.rank().is_dynamic()) return false;
  return std::count_if(shape.begin(), shape.end(), [](const auto& size) { return size.is_dynamic(); }) <= 1;
}

std::vector<int64_t> constant_integers(const ov::Output<ov::Node>& value) {
  if (const auto found = ov::as_type<ov::op::v0::Constant>(value.get_node())) {
    return found->get_element_type().is_integral() ? found->cast_vector<int64_t>() : std::vector<int64_t>();
  }
  // Paging takes the order of a transposition from a list of constants.
  const auto* gather = ov::as_type<ov::op::v8::Gather>(value.get_node());
  if (!gather) return {};
  const auto numbers = constant_integers(gather->input_value(0));
  auto found = constant_integers(gather->input_value(1));
  for (auto& index : found) {
    if (index < 0 || index >= static_cast<int64_t>(numbers.size())) return {};
    index = numbers[static_cast<size_t>(index)];
  }
  return gather->get_input_partial_shape(0).rank() == 1 ? found : std::vector<int64_t>();
}

size_t last_size(const ov::Output<ov::Node>& value) {
  const auto& shape = value.get_partial_shape();
  if (shape.rank().is_dynamic() || shape.size() == 0 || shape[shape.size() - 1].is_dynamic()) return 0;
  return static_cast<size_t>(shape[shape.size() - 1].get_length());
}

bool is_last_axis(const ov::Output<ov::Node>& axes, const ov::Output<ov::Node>& of) {
  const auto found = constant_integers(axes);
  const auto rank = of.get_partial_shape().rank();
  return found.size() == 1 && rank.is_static() && (found[0] == -1 || found[0] == rank.get_length() - 1);
}

void Views::see(const ov::Node& node) {
  if (node.get_input_size() == 0 || node.get_output_size() != 1) return;
  if (!node.get_input_element_type(0).is_real() || !has_one_unknown_size(node.get_input_partial_shape(0)) ||
      !has_one_unknown_size(node.get_output_partial_shape(0))) {
    return;
  }
  const bool sliced = ov::is_type<ov::op::v8::Slice>(&node) && takes_all(node);
  if (sliced || shows_all(node)) bases_.emplace(&node, base(node.input_value(0)));
}

ov::Output<ov::Node> Views::base(const ov::Output<ov::Node>& value) const {
  const auto found = bases_.find(value.get_node());
  return found == bases_.end() ? value : found->second;
}

bool Views::is_view(const ov::Node* node) const { return bases_.contains(node); }

}  // namespace llm
