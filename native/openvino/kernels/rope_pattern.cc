#include "openvino/kernels/rope_pattern.h"

#include <openvino/op/ops.hpp>

#include "openvino/kernels/graph_views.h"
#include "openvino/kernels/norm_pattern.h"

namespace llm {
namespace {

using Value = ov::Output<ov::Node>;

bool is_negative_of(const Value& value, Value& inner) {
  const auto node = value.get_node_shared_ptr();
  if (ov::is_type<ov::op::v0::Negative>(node)) {
    inner = node->input_value(0);
    return true;
  }
  if (!ov::is_type<ov::op::v1::Multiply>(node)) return false;
  for (size_t side : {0U, 1U}) {
    inner = node->input_value(1 - side);
    if (is_scalar(node->input_value(side), -1)) return true;
  }
  return false;
}

// The first (0) or second (1) half of x along its last axis.
bool is_half(const Value& value, const Value& x, size_t which) {
  const auto* node = value.get_node();
  const auto& shape = x.get_partial_shape();
  const auto last = static_cast<int64_t>(shape.size()) - 1;
  const int64_t width = shape[static_cast<size_t>(last)].get_length();
  if (node->get_input_size() < 2 || node->input_value(0) != x) return false;
  if (value.get_partial_shape().rank() != shape.rank() ||
      value.get_partial_shape()[static_cast<size_t>(last)] != width / 2) {
    return false;
  }
  if (ov::is_type<ov::op::v1::VariadicSplit>(node) || ov::is_type<ov::op::v1::Split>(node)) {
    return node->get_output_size() == 2 && value.get_index() == which && is_last_axis(node->input_value(1), x);
  }
  if (!ov::is_type<ov::op::v8::Slice>(node) || node->get_input_size() != 5) return false;
  return constant_integers(node->input_value(1)) == std::vector<int64_t>{which == 0 ? 0 : width / 2} &&
         constant_integers(node->input_value(3)) == std::vector<int64_t>{1} && is_last_axis(node->input_value(4), x);
}

bool is_rotated(const Value& value, const Value& x, std::vector<const ov::Node*>& interior) {
  const auto concat = ov::as_type_ptr<ov::op::v0::Concat>(value.get_node_shared_ptr());
  const auto rank = static_cast<int64_t>(x.get_partial_shape().size());
  if (!concat || concat->get_input_size() != 2) return false;
  if (concat->get_axis() != -1 && concat->get_axis() != rank - 1) return false;
  Value second;
  if (!is_negative_of(concat->input_value(0), second)) return false;
  const Value first = concat->input_value(1);
  if (!is_half(second, x, 1) || !is_half(first, x, 0)) return false;
  interior = {concat.get(), concat->get_input_node_ptr(0), second.get_node(), first.get_node()};
  return true;
}

// [rows, width] beside x: the axes in between have the size 1.
bool is_of_rows(const Value& value, const ov::PartialShape& x, size_t row_axis) {
  const auto& shape = value.get_partial_shape();
  if (value.get_element_type() != ov::element::f32 || shape.rank() != x.rank()) return false;
  for (size_t axis = 0; axis + 1 < shape.size(); ++axis) {
    if (axis == row_axis ? shape[axis].is_static() : shape[axis] != 1) return false;
  }
  return shape[shape.size() - 1] == x[x.size() - 1];
}

bool find_parts(const Value& straight, const Value& turned, FoundRope& found) {
  const auto product = straight.get_node_shared_ptr();
  const auto other = turned.get_node_shared_ptr();
  if (!ov::is_type<ov::op::v1::Multiply>(product) || !ov::is_type<ov::op::v1::Multiply>(other)) return false;
  for (size_t a : {0U, 1U}) {
    found.input = product->input_value(a);
    found.cosines = product->input_value(1 - a);
    const auto& shape = found.input.get_partial_shape();
    if (!has_one_unknown_size(shape) || shape.size() < 2 || shape[shape.size() - 1].is_dynamic()) continue;
    for (size_t b : {0U, 1U}) {
      found.sines = other->input_value(1 - b);
      if (!is_rotated(other->input_value(b), found.input, found.interior)) continue;
      found.interior.push_back(product.get());
      found.interior.push_back(other.get());
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<FoundRope> find_rope(const std::shared_ptr<ov::Node>& sum) {
  if (!ov::is_type<ov::op::v1::Add>(sum) || sum->get_output_element_type(0) != ov::element::f32) return std::nullopt;
  FoundRope found;
  const Value a = sum->input_value(0);
  const Value b = sum->input_value(1);
  if (!find_parts(a, b, found) && !find_parts(b, a, found)) return std::nullopt;
  const auto& shape = found.input.get_partial_shape();
  size_t row_axis = 0;
  while (row_axis + 1 < shape.size() && shape[row_axis] == 1) ++row_axis;
  if (shape[row_axis].is_static() || sum->get_output_partial_shape(0) != shape) return std::nullopt;
  if (!is_of_rows(found.cosines, shape, row_axis) || !is_of_rows(found.sines, shape, row_axis)) return std::nullopt;
  found.width = static_cast<size_t>(shape[shape.size() - 1].get_length());
  found.heads = 1;
  for (size_t axis = row_axis + 1; axis + 1 < shape.size(); ++axis) {
    found.heads *= static_cast<size_t>(shape[axis].get_length());
  }
  if (found.width % 2 != 0 || !only_parts(found.interior, sum.get())) return std::nullopt;
  return found;
}

}  // namespace llm
