// An operation that OpenVINO's CPU plugin runs by calling it: activations times packed weights, by the built-in
// kernels.
#pragma once
#include <memory>
#include <openvino/op/op.hpp>
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

#include "kernels/matmul.h"

namespace llm {

// What all operations of a model share.
struct KernelUse {
  const Kernel* kernel = nullptr;
  QuantizationSpan span = 32;
};

// Weights that are multiplied with one input. The plugin clones an operation on each call when shapes are dynamic, so
// clones share this.
struct SharedWeights {
  KernelUse use;
  std::shared_ptr<const void> memory;  // what keeps the parts' bytes: HugeMemory, or a PackedFile
  std::vector<PackedWeights> parts;
  bool gated = false;  // two parts, gate and up; one result, silu(gate) * up
  // OpenVINO takes two operations of one type, input and attributes for the same one and removes one of them.
  std::string id;
};

class CompressedMatMul : public ov::op::Op {
 public:
  OPENVINO_OP("CompressedMatMul", "openvino_llm");

  CompressedMatMul() = default;
  CompressedMatMul(const ov::Output<ov::Node>& input, std::shared_ptr<const SharedWeights> weights);

  void validate_and_infer_types() override;
  std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector& inputs) const override;
  bool visit_attributes(ov::AttributeVisitor& visitor) override;
  bool has_evaluate() const override { return true; }
  bool evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const override;

 private:
  std::shared_ptr<const SharedWeights> weights_;
  std::string id_;
};

}  // namespace llm
