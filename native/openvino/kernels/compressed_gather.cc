#include "openvino/kernels/compressed_gather.h"

#include <tbb/parallel_for.h>

#include <openvino/op/util/gather_base.hpp>

#include "openvino/kernels/graph_views.h"

namespace llm {
namespace {

template <class Index>
void gather(const PackedWeights& weights, const ov::Tensor& indices, float* to) {
  const auto* index = indices.data<const Index>();
  const size_t count = indices.get_size();
  for (size_t i = 0; i < count; ++i) {
    OPENVINO_ASSERT(index[i] >= 0 && static_cast<size_t>(index[i]) < weights.rows(), "there is no row ", index[i]);
  }
  tbb::parallel_for(size_t{0}, count,
                    [&](size_t i) { weights.unpack(static_cast<size_t>(index[i]), to + i * weights.columns()); });
}

}  // namespace

CompressedGather::CompressedGather(const ov::Output<ov::Node>& indices, std::shared_ptr<const SharedWeights> weights,
                                   size_t part)
    : Op({indices}), weights_(std::move(weights)), id_(weights_->id), part_(part) {
  OPENVINO_ASSERT(part < weights_->parts.size(), "there is no matrix ", part);
  constructor_validate_and_infer_types();
}

void CompressedGather::validate_and_infer_types() {
  auto shape = get_input_partial_shape(0);
  if (shape.rank().is_static()) {
    shape.push_back(static_cast<int64_t>(weights_->parts[part_].columns()));
  }
  set_output_type(0, ov::element::f32, shape);
}

std::shared_ptr<ov::Node> CompressedGather::clone_with_new_inputs(const ov::OutputVector& inputs) const {
  return std::make_shared<CompressedGather>(inputs.at(0), weights_, part_);
}

bool CompressedGather::visit_attributes(ov::AttributeVisitor& visitor) {
  visitor.on_attribute("id", id_);
  visitor.on_attribute("part", part_);
  return true;
}

bool CompressedGather::evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const {
  const auto& weights = weights_->parts[part_];
  const auto& type = inputs[0].get_element_type();
  OPENVINO_ASSERT(type == ov::element::i32 || type == ov::element::i64, "indices in ", type);
  if (type == ov::element::i32) {
    gather<int32_t>(weights, inputs[0], outputs[0].data<float>());
  } else {
    gather<int64_t>(weights, inputs[0], outputs[0].data<float>());
  }
  return true;
}

std::vector<Embedding> find_embeddings(const ov::NodeVector& nodes) {
  std::vector<Embedding> found;
  for (const auto& node : nodes) {
    if (!ov::is_type<ov::op::util::GatherBase>(node) || node->get_output_element_type(0) != ov::element::f32) continue;
    if (constant_integers(node->input_value(2)) != std::vector<int64_t>{0}) continue;
    CompressedWeights weights;
    std::string obstacle;
    if (find_compressed_matrix(node->input_value(0), weights, obstacle)) found.push_back({node, weights.source});
  }
  return found;
}

}  // namespace llm
