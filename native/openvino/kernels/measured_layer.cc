#include "openvino/kernels/measured_layer.h"

#include <openvino/op/ops.hpp>
#include <random>

#include "engine/failure.h"

namespace llm {
namespace {

using ov::op::v0::Constant;
using ov::op::v0::Convert;

size_t weights_of(const CompressedWeights& layer) { return layer.source.rows * layer.source.columns; }

ov::element::Type type_of(const WeightSource& source) {
  if (source.bits == 4) return source.is_signed ? ov::element::i4 : ov::element::u4;
  return source.is_signed ? ov::element::i8 : ov::element::u8;
}

std::shared_ptr<Constant> random_bytes(std::mt19937& random, const ov::element::Type& type, const ov::Shape& shape) {
  const auto constant = std::make_shared<Constant>(type, shape);
  auto* bytes = static_cast<uint8_t*>(const_cast<void*>(constant->get_data_ptr()));
  for (size_t i = 0; i < constant->get_byte_size(); ++i) bytes[i] = static_cast<uint8_t>(random());
  return constant;
}

// As exporters write it: matrices by channel, else [rows, groups, group]. `about_columns` becomes a multiple of the
// group.
CompressedWeights random_layer(const WeightSource& like, size_t weights, size_t about_columns) {
  const bool by_channel = like.group == like.columns;
  const size_t group = by_channel ? about_columns : like.group;
  const size_t groups = (about_columns + group - 1) / group;
  const size_t columns = groups * group;
  const size_t rows = weights / columns;
  const auto type = type_of(like);
  const auto shape = [&](size_t last) { return by_channel ? ov::Shape{rows, last} : ov::Shape{rows, groups, last}; };
  std::mt19937 random(1);
  ov::Output<ov::Node> value = std::make_shared<Convert>(random_bytes(random, type, shape(group)), ov::element::f16);
  if (like.kind != WeightSource::ZeroPoints::kNone) {
    const ov::Shape one(by_channel ? 2 : 3, 1);
    const float middle = like.is_signed ? 0.0F : static_cast<float>(1U << (like.bits - 1));
    const auto zero_type = like.kind == WeightSource::ZeroPoints::kF16 ? ov::element::f16 : type;
    const auto zero = Constant::create(zero_type, like.one_zero_point ? one : shape(1), {middle});
    value = std::make_shared<ov::op::v1::Subtract>(value, std::make_shared<Convert>(zero, ov::element::f16));
  }
  value = std::make_shared<ov::op::v1::Multiply>(value, Constant::create(ov::element::f16, shape(1), {0.01F}));
  if (!by_channel) {
    const auto matrix = Constant::create(ov::element::i64, {2}, {rows, columns});
    value = std::make_shared<ov::op::v1::Reshape>(value, matrix, false);
  }
  CompressedWeights layer;
  std::string obstacle;
  if (!find_compressed_matrix(std::make_shared<Convert>(value, ov::element::f32), layer, obstacle)) {
    throw Failure(ERR_ENGINE, "a layer to be measured is no compressed matrix: " + obstacle);
  }
  return layer;
}

}  // namespace

bool is_better_example(const CompressedWeights& layer, const CompressedWeights& than) {
  if (weights_of(layer) > kMostMeasured) return weights_of(layer) < weights_of(than);
  return weights_of(than) > kMostMeasured || weights_of(layer) > weights_of(than);
}

std::string layer_size(const CompressedWeights& example) {
  return weights_of(example) < kLargeLayer ? "small" : "large";
}

CompressedWeights measured_layer(const CompressedWeights& example) {
  if (weights_of(example) < kFewestMeasured) return random_layer(example.source, kFewestMeasured, 1024);
  if (weights_of(example) > kMostMeasured) return random_layer(example.source, kLargeLayer, 4096);
  return example;
}

}  // namespace llm
