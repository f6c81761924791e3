#include "openvino/kernels/fused_steps.h"

#include <algorithm>

#include "openvino/kernels/tbb_threads.h"

namespace llm {

FusedSteps::FusedSteps(const ov::OutputVector& inputs, std::shared_ptr<const StepProgram> program)
    : Op(inputs), program_(std::move(program)), id_(program_->id()) {
  OPENVINO_ASSERT(inputs.size() == program_->inputs(), "inputs of fused steps: ", inputs.size());
  constructor_validate_and_infer_types();
}

void FusedSteps::validate_and_infer_types() {
  const auto& results = program_->results();
  set_output_size(results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    auto shape = get_input_partial_shape(0);
    if (shape.rank().is_static()) shape[shape.size() - 1] = static_cast<int64_t>(program_->widths()[results[i]]);
    set_output_type(i, ov::element::f32, shape);
  }
}

std::shared_ptr<ov::Node> FusedSteps::clone_with_new_inputs(const ov::OutputVector& inputs) const {
  return std::make_shared<FusedSteps>(inputs, program_);
}

bool FusedSteps::visit_attributes(ov::AttributeVisitor& visitor) {
  visitor.on_attribute("id", id_);
  return true;
}

bool FusedSteps::evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const {
  const auto& shape = inputs[0].get_shape();
  const auto last = shape.end() - 1;
  std::vector<const float*> from;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto& other = inputs[i].get_shape();
    // A graph may say of two values that their sizes are unknown; were they different, OpenVINO would repeat one.
    OPENVINO_ASSERT(other.size() == shape.size() && std::equal(shape.begin(), last, other.begin()) &&
                        other.back() == program_->widths()[i],
                    "fused steps take values of the same rows: ", shape, ", ", other);
    from.push_back(inputs[i].data<const float>());
  }
  std::vector<float*> to;
  for (auto& output : outputs) to.push_back(output.data<float>());
  program_->run(ov::shape_size(shape) / shape.back(), from, to, TbbThreads());
  return true;
}

}  // namespace llm
