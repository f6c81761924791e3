#include "openvino/kernels/compressed_weights.h"

#include <algorithm>
#include <openvino/op/ops.hpp>

namespace llm {
namespace {

using ConstantPtr = std::shared_ptr<ov::op::v0::Constant>;
using NodePtr = std::shared_ptr<ov::Node>;

NodePtr without_converts(NodePtr node) {
  while (ov::is_type<ov::op::v0::Convert>(node)) node = node->get_input_node_shared_ptr(0);
  return node;
}

ConstantPtr constant(const NodePtr& node) { return ov::as_type_ptr<ov::op::v0::Constant>(without_converts(node)); }

const uint8_t* bytes(const ConstantPtr& constant) { return static_cast<const uint8_t*>(constant->get_data_ptr()); }

bool is_weight_type(const ov::element::Type& type) {
  return type == ov::element::u4 || type == ov::element::i4 || type == ov::element::u8 || type == ov::element::i8;
}

// Where the values of a product with a constant are: the other input than the constant.
bool split_constant(const NodePtr& node, NodePtr& other, ConstantPtr& found) {
  for (size_t side : {1U, 0U}) {
    found = constant(node->get_input_node_shared_ptr(side));
    if (!found) continue;
    other = node->get_input_node_shared_ptr(1 - side);
    return true;
  }
  return false;
}

std::string scheme_of(const WeightSource& source, const ov::element::Type& type) {
  const bool whole = source.group == source.columns;
  return type.get_type_name() + (whole ? " per channel" : " g" + std::to_string(source.group)) +
         (source.kind == WeightSource::ZeroPoints::kNone ? " symmetric" : " asymmetric");
}

// A matrix, or of three axes stacked ones.
bool find(const ov::Output<ov::Node>& value, size_t rank, CompressedWeights& found, std::string& obstacle) {
  obstacle.clear();
  NodePtr node = without_converts(value.get_node_shared_ptr());
  const auto& shape = node->get_output_partial_shape(0);
  if (ov::is_type<ov::op::v1::Reshape>(node)) node = without_converts(node->get_input_node_shared_ptr(0));
  if (!ov::is_type<ov::op::v1::Multiply>(node)) return false;

  NodePtr shifted;
  ConstantPtr scales;
  if (!split_constant(node, shifted, scales)) return false;
  const NodePtr inner = without_converts(shifted);
  ConstantPtr zero_points;
  ConstantPtr values;
  if (ov::is_type<ov::op::v1::Subtract>(inner)) {
    values = constant(inner->get_input_node_shared_ptr(0));
    zero_points = constant(inner->get_input_node_shared_ptr(1));
    if (!zero_points) return false;
  } else {
    values = ov::as_type_ptr<ov::op::v0::Constant>(inner);
  }
  if (!values || !is_weight_type(values->get_element_type())) return false;

  const auto type = values->get_element_type();
  const auto fail = [&](const std::string& why) {
    obstacle = type.get_type_name() + " weights: " + why;
    return false;
  };
  if (shape.is_dynamic() || shape.size() != rank) return fail("they are no matrix");
  auto& source = found.source;
  source = {};
  const auto sizes = shape.to_shape();
  source.rows = ov::shape_size(sizes.begin(), sizes.end() - 1);
  source.columns = sizes.back();
  const auto has_rows = [&](const ov::Shape& of) {
    return of.size() >= rank && std::equal(sizes.begin(), sizes.end() - 1, of.begin());
  };
  if (ov::shape_size(values->get_shape()) != source.rows * source.columns || !has_rows(values->get_shape())) {
    return fail("they are stored in another shape");
  }
  const size_t scale_count = ov::shape_size(scales->get_shape());
  if (scales->get_element_type() != ov::element::f16) return fail("their scales are not f16");
  if (source.rows == 0 || scale_count % source.rows != 0 || source.columns % (scale_count / source.rows) != 0 ||
      !has_rows(scales->get_shape())) {
    return fail("they have one scale for all rows");
  }
  source.group = source.columns / (scale_count / source.rows);
  source.bits = static_cast<int>(type.bitwidth());
  source.is_signed = type.is_signed();
  source.values = bytes(values);
  source.scales = bytes(scales);
  found.output = value;
  if (zero_points) {
    const size_t count = ov::shape_size(zero_points->get_shape());
    if (zero_points->get_element_type() == type) {
      source.kind = WeightSource::ZeroPoints::kLikeValues;
    } else if (zero_points->get_element_type() == ov::element::f16) {
      source.kind = WeightSource::ZeroPoints::kF16;
    } else {
      return fail("their zero points are " + zero_points->get_element_type().get_type_name());
    }
    if (count != scale_count && count != 1) return fail("they have other zero points than scales");
    source.one_zero_point = count == 1;
    source.zero_points = bytes(zero_points);
  }
  if (!can_pack(source)) return fail("groups of " + std::to_string(source.group));
  found.scheme = scheme_of(source, type);
  return true;
}

bool find_factor(const ov::op::v0::MatMul& matmul, size_t rank, CompressedWeights& found, std::string& obstacle) {
  if (!find(matmul.input_value(1), rank, found, obstacle)) return false;
  const auto fail = [&](const char* why) {
    const auto& scheme = found.scheme;
    obstacle = scheme.substr(0, scheme.find(' ')) + " weights: " + why;
    return false;
  };
  if (matmul.get_transpose_a() || !matmul.get_transpose_b()) return fail("the product is not with their transpose");
  if (matmul.get_input_element_type(0) != ov::element::f32) return fail("the activations are not f32");
  return true;
}

}  // namespace

bool find_compressed_matrix(const ov::Output<ov::Node>& value, CompressedWeights& found, std::string& obstacle) {
  return find(value, 2, found, obstacle);
}

bool find_compressed_weights(const ov::op::v0::MatMul& matmul, CompressedWeights& found, std::string& obstacle) {
  return find_factor(matmul, 2, found, obstacle);
}

bool find_compressed_stack(const ov::op::v0::MatMul& matmul, CompressedWeights& found, std::string& obstacle) {
  return find_factor(matmul, 3, found, obstacle);
}

}  // namespace llm
