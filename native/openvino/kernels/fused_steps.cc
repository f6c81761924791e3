#include "openvino/kernels/fused_steps.h"

#include <algorithm>

#include "kernels/crew.h"
#include "openvino/kernels/tbb_threads.h"

namespace llm {
namespace {

ov::Dimension rows_of(const ov::PartialShape& shape) {
  if (shape.rank().is_dynamic()) return ov::Dimension::dynamic();
  ov::Dimension rows = 1;
  for (size_t axis = 0; axis + 1 < shape.size(); ++axis) rows *= shape[axis];
  return rows;
}

}  // namespace

FusedSteps::FusedSteps(const ov::OutputVector& inputs, std::shared_ptr<const StepProgram> program)
    : Op(inputs), program_(std::move(program)), id_(program_->id()) {
  OPENVINO_ASSERT(inputs.size() == program_->inputs() + program_->tensors(), "inputs of fused steps: ", inputs.size());
  constructor_validate_and_infer_types();
}

void FusedSteps::validate_and_infer_types() {
  const auto& results = program_->results();
  set_output_size(results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    auto shape = get_input_partial_shape(0);
    const auto width = static_cast<int64_t>(program_->widths()[results[i].value]);
    if (!results[i].like_input) {
      shape = {rows_of(shape), width};
    } else if (shape.rank().is_static()) {
      shape[shape.size() - 1] = width;
    }
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
  const size_t rows = ov::shape_size(shape) / shape.back();
  std::vector<const float*> from;
  for (size_t i = 0; i < program_->inputs(); ++i) {
    const auto& other = inputs[i].get_shape();
    // A graph may say of two values that their sizes are unknown; were they different, OpenVINO would repeat one.
    const bool same_axes = other.size() != shape.size() || std::equal(shape.begin(), shape.end() - 1, other.begin());
    OPENVINO_ASSERT(same_axes && other.back() == program_->widths()[i] && ov::shape_size(other) == rows * other.back(),
                    "fused steps take values of the same rows: ", shape, ", ", other);
    from.push_back(inputs[i].data<const float>());
  }
  std::vector<float*> to;
  for (auto& output : outputs) to.push_back(output.data<float>());
  const auto tensors = std::span(inputs).subspan(program_->inputs());
  with_crew(TbbThreads(), [&](const Threads& crew) { program_->run(rows, from, tensors, to, crew); });
  return true;
}

}  // namespace llm
