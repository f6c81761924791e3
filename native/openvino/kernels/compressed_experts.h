// A mixture of experts as one operation, run as CompressedMatMul is.
//
//   inputs   x [tokens, columns] f32, the chosen experts [tokens, each] i32, their weights [tokens, each] f32;
//            with biases also these, of gate and up in turn [experts, 1, 2 * inner] and of the outputs
//            [experts, 1, outputs], and alpha and limit [2], all f32
//   output   [tokens, outputs] f32, see kernels/experts.h
#pragma once
#include <memory>
#include <openvino/op/op.hpp>
#include <openvino/openvino.hpp>
#include <string>

#include "openvino/kernels/compressed_matmul.h"

namespace llm {

class CompressedExperts : public ov::op::Op {
 public:
  OPENVINO_OP("CompressedExperts", "openvino_llm");

  CompressedExperts() = default;
  // Converts the chosen ones to i32.
  CompressedExperts(const ov::OutputVector& inputs, std::shared_ptr<const SharedWeights> experts);

  void validate_and_infer_types() override;
  std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector& inputs) const override;
  bool visit_attributes(ov::AttributeVisitor& visitor) override;
  bool has_evaluate() const override { return true; }
  bool evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const override;

 private:
  std::shared_ptr<const SharedWeights> experts_;
  std::string id_;
};

}  // namespace llm
