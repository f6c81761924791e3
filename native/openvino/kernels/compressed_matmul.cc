#include "openvino/kernels/compressed_matmul.h"

#include "openvino/kernels/tbb_threads.h"

namespace llm {

CompressedMatMul::CompressedMatMul(const ov::Output<ov::Node>& input, std::shared_ptr<const SharedWeights> weights)
    : Op({input}), weights_(std::move(weights)), id_(weights_->id) {
  const size_t count = weights_->parts.size();
  OPENVINO_ASSERT(weights_->gated ? count == 2 : count >= 1 && count <= kMostProducts,
                  "matrices of one input: ", count);
  constructor_validate_and_infer_types();
}

void CompressedMatMul::validate_and_infer_types() {
  const size_t outputs = weights_->gated ? 1 : weights_->parts.size();
  set_output_size(outputs);
  for (size_t i = 0; i < outputs; ++i) {
    auto shape = get_input_partial_shape(0);
    if (shape.rank().is_static()) shape[shape.size() - 1] = static_cast<int64_t>(weights_->parts[i].rows());
    set_output_type(i, ov::element::f32, shape);
  }
}

std::shared_ptr<ov::Node> CompressedMatMul::clone_with_new_inputs(const ov::OutputVector& inputs) const {
  return std::make_shared<CompressedMatMul>(inputs.at(0), weights_);
}

bool CompressedMatMul::visit_attributes(ov::AttributeVisitor& visitor) {
  visitor.on_attribute("id", id_);
  return true;
}

bool CompressedMatMul::evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const {
  const auto& shape = inputs[0].get_shape();
  const auto& parts = weights_->parts;
  const size_t rows = ov::shape_size(shape) / parts.front().columns();
  const auto* x = inputs[0].data<const float>();
  const auto& [kernel, span] = weights_->use;
  const TbbThreads threads;
  if (weights_->gated) {
    multiply_gated(*kernel, parts[0], parts[1], outputs[0].data<float>(), x, rows, span, threads);
    return true;
  }
  Product products[kMostProducts];  // the constructor has seen that they are no more
  for (size_t i = 0; i < parts.size(); ++i) products[i] = {&parts[i], outputs[i].data<float>()};
  multiply(*kernel, {products, parts.size()}, x, rows, span, threads);
  return true;
}

}  // namespace llm
