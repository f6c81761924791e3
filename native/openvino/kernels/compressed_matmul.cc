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
  const size_t rows = ov::shape_size(inputs[0].get_shape()) / weights_->parts.front().columns();
  float* outs[kMostProducts];  // the constructor has seen that they are no more
  for (size_t i = 0; i < outputs.size(); ++i) outs[i] = outputs[i].data<float>();
  multiply(*weights_, inputs[0].data<const float>(), rows, {outs, outputs.size()}, TbbThreads());
  return true;
}

void multiply(const SharedWeights& weights, const float* x, size_t rows, std::span<float* const> outs,
              const Threads& threads) {
  const auto& parts = weights.parts;
  const auto& [kernel, span] = weights.use;
  if (weights.gated) {
    multiply_gated(*kernel, parts[0], parts[1], outs[0], x, rows, span, threads);
    return;
  }
  Product products[kMostProducts];
  for (size_t i = 0; i < parts.size(); ++i) products[i] = {&parts[i], outs[i]};
  multiply(*kernel, {products, parts.size()}, x, rows, span, threads);
}

}  // namespace llm
