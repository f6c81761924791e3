#include "openvino/kernels/fusible_steps.h"

#include <openvino/op/ops.hpp>
#include <utility>

#include "openvino/attention/block_attention.h"
#include "openvino/kernels/graph_views.h"
#include "openvino/kernels/norm_pattern.h"
#include "openvino/kernels/rope_pattern.h"

namespace llm {
namespace {

using Value = ov::Output<ov::Node>;
using NodePtr = std::shared_ptr<ov::Node>;

// The value as a step takes it: what a step made, or else the value itself.
FusibleStep::Input input(const Value& shown, size_t width, const MadeByStep& made) {
  Value value = shown;
  made(value, width);
  return {value, width, shown};
}

bool find_product(const NodePtr& node, const MadeByStep& made, FusibleStep& found) {
  const auto product = ov::as_type_ptr<CompressedMatMul>(node);
  if (!product) return false;
  const auto& weights = product->weights();
  found.step.kind = Step::Kind::kProduct;
  found.step.weights = weights;
  found.step.weights_id = weights->id;
  found.inputs = {input(product->input_value(0), weights->parts.front().columns(), made)};
  for (size_t i = 0; i < product->get_output_size(); ++i) found.widths.push_back(weights->parts[i].rows());
  found.begins = true;
  return true;
}

// Of a whole row, or of each head of one.
bool find_normed(const NodePtr& node, const MadeByStep& made, FusibleStep& found) {
  auto norm = find_norm(node);
  if (!norm) return false;
  found.step.kind = Step::Kind::kNorm;
  const size_t width = norm->norm.weight.size();
  found.step.norm = std::move(norm->norm);
  found.interior = std::move(norm->interior);
  found.inputs = {input(norm->input, width, made)};
  found.widths = {width};
  found.begins = true;
  const auto& shape = norm->input.get_partial_shape();
  if (!has_one_unknown_size(shape)) return true;
  // [rows, ..., heads, width], where the unknown size is that of the rows.
  size_t row_width = width;
  for (size_t axis = shape.size() - 1; axis-- > 0 && shape[axis].is_static();) {
    row_width *= static_cast<size_t>(shape[axis].get_length());
  }
  Value value = norm->input;
  if (row_width == width || !made(value, row_width)) return true;
  found.inputs = {{value, row_width, norm->input}};
  found.widths = {row_width};
  return true;
}

// Two values of one shape, as far as that is known; FusedSteps looks at the rest. Or a value and a bias.
bool find_sum(const NodePtr& node, const MadeByStep& made, FusibleStep& found) {
  if (!ov::is_type<ov::op::v1::Add>(node) || node->get_output_element_type(0) != ov::element::f32) return false;
  const size_t width = last_size(node->output(0));
  if (width == 0) return false;
  found.widths = {width};
  for (size_t side : {0U, 1U}) {
    const Value value = node->input_value(1 - side);
    auto row = row_constant(node->input_value(side), width);
    if (row.empty() || value.get_partial_shape().rank() != node->get_output_partial_shape(0).rank()) continue;
    if (last_size(value) != width) return false;
    found.step.kind = Step::Kind::kAddRow;
    found.step.row = std::move(row);
    found.inputs = {input(value, width, made)};
    return true;
  }
  const Value a = node->input_value(0);
  const Value b = node->input_value(1);
  if (a.get_partial_shape() != b.get_partial_shape()) return false;
  found.step.kind = Step::Kind::kAdd;
  found.inputs = {input(a, width, made), input(b, width, made)};
  return true;
}

// Two values that steps made, or one of them and the same factors for each row. A value with itself is a part of what
// norms compute.
bool find_product_of_values(const NodePtr& node, const MadeByStep& made, FusibleStep& found) {
  if (!ov::is_type<ov::op::v1::Multiply>(node) || node->get_output_element_type(0) != ov::element::f32) return false;
  const size_t width = last_size(node->output(0));
  if (width == 0) return false;
  found.widths = {width};
  for (size_t side : {0U, 1U}) {
    Value value = node->input_value(1 - side);
    auto row = row_or_number(node->input_value(side), width);
    if (row.empty() || value.get_partial_shape() != node->get_output_partial_shape(0)) continue;
    const Value shown = value;
    if (!made(value, width)) return false;
    found.step.kind = Step::Kind::kTimesRow;
    found.step.row = std::move(row);
    found.inputs = {{value, width, shown}};
    return true;
  }
  Value a = node->input_value(0);
  Value b = node->input_value(1);
  if (a == b || a.get_partial_shape() != b.get_partial_shape() || !made(a, width) || !made(b, width)) return false;
  found.step.kind = Step::Kind::kTimes;
  found.inputs = {{a, width, node->input_value(0)}, {b, width, node->input_value(1)}};
  return true;
}

bool find_activation(const NodePtr& node, const MadeByStep& made, FusibleStep& found) {
  if (const auto gelu = ov::as_type_ptr<ov::op::v7::Gelu>(node)) {
    const bool is_exact = gelu->get_approximation_mode() == ov::op::GeluApproximationMode::ERF;
    found.step.activation = is_exact ? Activation::kGelu : Activation::kGeluTanh;
  } else if (ov::is_type<ov::op::v0::Gelu>(node)) {
    found.step.activation = Activation::kGelu;
  } else if (ov::is_type<ov::op::v4::Swish>(node) && node->get_input_size() == 1) {
    found.step.activation = Activation::kSilu;
  } else if (ov::is_type<ov::op::v0::Relu>(node)) {
    found.step.activation = Activation::kRelu;
  } else {
    return false;
  }
  Value value = node->input_value(0);
  const size_t width = last_size(value);
  if (width == 0 || node->get_output_element_type(0) != ov::element::f32 || !made(value, width)) return false;
  found.step.kind = Step::Kind::kActivate;
  found.inputs = {{value, width, node->input_value(0)}};
  found.widths = {width};
  return true;
}

// Some columns of what a step made.
bool find_columns(const NodePtr& node, const MadeByStep& made, FusibleStep& found) {
  const bool is_slice = ov::is_type<ov::op::v8::Slice>(node) && node->get_input_size() == 5;
  if (!is_slice && !ov::is_type<ov::op::v1::VariadicSplit>(node)) return false;
  Value value = node->input_value(0);
  const size_t width = last_size(value);
  if (width == 0 || !made(value, width)) return false;
  if (!is_last_axis(node->input_value(is_slice ? 4 : 1), node->input_value(0))) return false;
  int64_t begin = 0;
  if (is_slice) {
    const auto begins = constant_integers(node->input_value(1));
    if (begins.size() != 1 || constant_integers(node->input_value(3)) != std::vector<int64_t>{1}) return false;
    begin = begins[0] < 0 ? begins[0] + static_cast<int64_t>(width) : begins[0];
  }
  size_t end = static_cast<size_t>(begin);
  for (const auto& output : node->outputs()) {
    found.widths.push_back(last_size(output));
    end += found.widths.back();
    if (found.widths.back() == 0) return false;
  }
  if (begin < 0 || end > width) return false;
  found.step.kind = Step::Kind::kColumns;
  found.step.begin = static_cast<size_t>(begin);
  found.inputs = {{value, width, node->input_value(0)}};
  return true;
}

bool find_rotation(const NodePtr& node, const MadeByStep& made, FusibleStep& found) {
  auto rope = find_rope(node);
  if (!rope) return false;
  const size_t width = rope->heads * rope->width;
  Value value = rope->input;
  if (!made(value, width)) return false;
  found.step.kind = Step::Kind::kRotate;
  found.step.heads = rope->heads;
  found.inputs = {{value, width, rope->input},
                  {rope->cosines, rope->width, rope->cosines},
                  {rope->sines, rope->width, rope->sines}};
  found.widths = {width};
  found.interior = std::move(rope->interior);
  return true;
}

bool find_attention(const NodePtr& node, const MadeByStep& made, FusibleStep& found) {
  const auto block = ov::as_type_ptr<BlockAttention>(node);
  if (!block) return false;
  const auto& shape = block->attention()->shape;
  found.step.kind = Step::Kind::kAttend;
  found.step.attention = block->attention();
  found.step.attention_id = block->attention()->id;
  found.inputs = {input(block->input_value(0), shape.heads * shape.key_width, made),
                  input(block->input_value(1), shape.kv_heads * shape.key_width, made),
                  input(block->input_value(2), shape.kv_heads * shape.value_width, made)};
  for (size_t i = 0; i < kAttentionTensors; ++i) found.tensors.push_back(block->input_value(3 + i));
  found.widths = {shape.heads * shape.value_width};
  return true;
}

}  // namespace

bool find_step(const NodePtr& node, const MadeByStep& made, FusibleStep& found) {
  for (const auto find : {find_product, find_normed, find_rotation, find_sum, find_product_of_values, find_activation,
                          find_columns, find_attention}) {
    found = {};
    found.last = node;
    if (find(node, made, found)) return true;
  }
  return false;
}

}  // namespace llm
