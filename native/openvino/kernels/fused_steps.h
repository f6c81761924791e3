// The operation that runs a StepProgram inside OpenVINO's CPU plugin; see compressed_matmul.h for how that calls it.
#pragma once
#include <memory>
#include <openvino/op/op.hpp>
#include <openvino/openvino.hpp>
#include <string>

#include "openvino/kernels/step_program.h"

namespace llm {

// First come the program's values, which have the same leading axes, as the outputs have; then its tensors.
class FusedSteps : public ov::op::Op {
 public:
  OPENVINO_OP("FusedSteps", "openvino_llm");

  FusedSteps() = default;
  FusedSteps(const ov::OutputVector& inputs, std::shared_ptr<const StepProgram> program);

  void validate_and_infer_types() override;
  std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector& inputs) const override;
  bool visit_attributes(ov::AttributeVisitor& visitor) override;
  bool has_evaluate() const override { return true; }
  bool evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const override;

 private:
  std::shared_ptr<const StepProgram> program_;
  std::string id_;
};

}  // namespace llm
