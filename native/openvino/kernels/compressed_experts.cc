#include "openvino/kernels/compressed_experts.h"

#include <openvino/op/convert.hpp>

#include "kernels/experts.h"
#include "openvino/kernels/tbb_threads.h"

namespace llm {
namespace {

ov::Output<ov::Node> as_i32(const ov::Output<ov::Node>& value) {
  if (value.get_element_type() == ov::element::i32) return value;
  return std::make_shared<ov::op::v0::Convert>(value, ov::element::i32)->output(0);
}

}  // namespace

CompressedExperts::CompressedExperts(const ov::Output<ov::Node>& x, const ov::Output<ov::Node>& chosen,
                                     const ov::Output<ov::Node>& weights, std::shared_ptr<const SharedWeights> experts)
    : Op({x, as_i32(chosen), weights}), experts_(std::move(experts)), id_(experts_->id) {
  OPENVINO_ASSERT(experts_->parts.size() == 3 && experts_->experts > 0, "experts have three matrices");
  constructor_validate_and_infer_types();
}

void CompressedExperts::validate_and_infer_types() {
  const auto& x = get_input_partial_shape(0);
  const auto tokens = x.rank().is_static() ? x[0] : ov::Dimension::dynamic();
  const size_t outputs = experts_->parts[2].rows() / experts_->experts;
  set_output_type(0, ov::element::f32, {tokens, static_cast<int64_t>(outputs)});
}

std::shared_ptr<ov::Node> CompressedExperts::clone_with_new_inputs(const ov::OutputVector& inputs) const {
  return std::make_shared<CompressedExperts>(inputs.at(0), inputs.at(1), inputs.at(2), experts_);
}

bool CompressedExperts::visit_attributes(ov::AttributeVisitor& visitor) {
  visitor.on_attribute("id", id_);
  return true;
}

bool CompressedExperts::evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const {
  const auto& parts = experts_->parts;
  const size_t tokens = inputs[0].get_shape()[0];
  const auto& chosen = inputs[1].get_shape();
  OPENVINO_ASSERT(chosen == inputs[2].get_shape() && chosen.size() == 2 && chosen[0] == tokens,
                  "a router's choice for ", tokens, " tokens: ", chosen, " with weights ", inputs[2].get_shape());
  const Experts experts{experts_->experts, &parts[0], &parts[1], &parts[2]};
  const Routing routing{inputs[1].data<const int32_t>(), inputs[2].data<const float>(), chosen[1]};
  const auto& [kernel, span] = experts_->use;
  multiply_experts(*kernel, experts, routing, inputs[0].data<const float>(), tokens, outputs[0].data<float>(), span,
                   TbbThreads());
  return true;
}

}  // namespace llm
