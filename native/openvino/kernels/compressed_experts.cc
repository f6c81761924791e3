#include "openvino/kernels/compressed_experts.h"

#include <openvino/op/convert.hpp>

#include "kernels/experts.h"
#include "openvino/kernels/tbb_threads.h"

namespace llm {
namespace {

enum Input : uint8_t { kX, kChosen, kWeights, kInnerBias, kOutputBias, kGate };
constexpr size_t kPlainInputs = kInnerBias;
constexpr size_t kInputsWithBiases = kGate + 1;

ov::OutputVector with_i32(ov::OutputVector inputs) {
  auto& chosen = inputs.at(kChosen);
  if (chosen.get_element_type() != ov::element::i32) {
    chosen = std::make_shared<ov::op::v0::Convert>(chosen, ov::element::i32)->output(0);
  }
  return inputs;
}

}  // namespace

CompressedExperts::CompressedExperts(const ov::OutputVector& inputs, std::shared_ptr<const SharedWeights> experts)
    : Op(with_i32(inputs)), experts_(std::move(experts)), id_(experts_->id) {
  OPENVINO_ASSERT(experts_->parts.size() == 3 && experts_->experts > 0, "experts have three matrices");
  OPENVINO_ASSERT(inputs.size() == kPlainInputs || inputs.size() == kInputsWithBiases,
                  "inputs of experts: ", inputs.size());
  constructor_validate_and_infer_types();
}

void CompressedExperts::validate_and_infer_types() {
  const auto& x = get_input_partial_shape(0);
  const auto tokens = x.rank().is_static() ? x[0] : ov::Dimension::dynamic();
  const size_t outputs = experts_->parts[2].rows() / experts_->experts;
  set_output_type(0, ov::element::f32, {tokens, static_cast<int64_t>(outputs)});
}

std::shared_ptr<ov::Node> CompressedExperts::clone_with_new_inputs(const ov::OutputVector& inputs) const {
  return std::make_shared<CompressedExperts>(inputs, experts_);
}

bool CompressedExperts::visit_attributes(ov::AttributeVisitor& visitor) {
  visitor.on_attribute("id", id_);
  return true;
}

bool CompressedExperts::evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const {
  const auto& parts = experts_->parts;
  const size_t tokens = inputs[0].get_shape()[0];
  const auto& chosen = inputs[kChosen].get_shape();
  OPENVINO_ASSERT(chosen == inputs[kWeights].get_shape() && chosen.size() == 2 && chosen[0] == tokens,
                  "a router's choice for ", tokens, " tokens: ", chosen, " with weights ",
                  inputs[kWeights].get_shape());
  Experts experts{experts_->experts, &parts[0], &parts[1], &parts[2]};
  ExpertBiases biases{};
  if (inputs.size() == kInputsWithBiases) {
    const auto& inner = inputs[kInnerBias];
    const auto& outer = inputs[kOutputBias];
    OPENVINO_ASSERT(
        inner.get_size() == 2 * parts[0].rows() && outer.get_size() == parts[2].rows() && inputs[kGate].get_size() == 2,
        "biases of experts: ", inner.get_shape(), outer.get_shape());
    const auto* gate = inputs[kGate].data<const float>();
    biases = {inner.data<const float>(), outer.data<const float>(), gate[0], gate[1]};
    experts.biases = &biases;
  }
  const Routing routing{inputs[kChosen].data<const int32_t>(), inputs[kWeights].data<const float>(), chosen[1]};
  const auto& [kernel, span] = experts_->use;
  multiply_experts(*kernel, experts, routing, inputs[kX].data<const float>(), tokens, outputs[0].data<float>(), span,
                   TbbThreads());
  return true;
}

}  // namespace llm
