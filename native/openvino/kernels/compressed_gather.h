// An operation that OpenVINO's CPU plugin runs by calling it: rows of packed weights as f32, the embeddings of tokens.
//
// Where OpenVINO gathers from compressed weights itself it keeps a copy of them, and in some settings one in f32. This
// reads from the weights that the head multiplies with when both are one matrix, else from such of its own.
//
// Like CompressedMatMul it need not be registered, unless it is to be read from a file.
#pragma once
#include <memory>
#include <openvino/op/op.hpp>
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

#include "openvino/kernels/compressed_matmul.h"
#include "openvino/kernels/compressed_weights.h"

namespace llm {

class CompressedGather : public ov::op::Op {
 public:
  OPENVINO_OP("CompressedGather", "openvino_llm");  // CompressedMatMul::kOpset

  // `indices`: i32 or i64 of any shape. The result has one axis more, a row of weights->parts[part].
  CompressedGather() = default;
  CompressedGather(const ov::Output<ov::Node>& indices, std::shared_ptr<const SharedWeights> weights, size_t part);

  void validate_and_infer_types() override;
  std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector& inputs) const override;
  bool visit_attributes(ov::AttributeVisitor& visitor) override;
  bool has_evaluate() const override { return true; }
  // Throws ov::Exception for an index that names no row.
  bool evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const override;

 private:
  std::shared_ptr<const SharedWeights> weights_;
  std::string id_;
  size_t part_ = 0;
};

// A gather of rows of compressed weights.
struct Embedding {
  std::shared_ptr<ov::Node> gather;
  WeightSource source;
};

std::vector<Embedding> find_embeddings(const ov::NodeVector& nodes);

}  // namespace llm
