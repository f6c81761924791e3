// An operation that OpenVINO's CPU plugin runs by calling it, in the place of its own paged attention: attention over
// the blocks of a KV cache, by the built-in kernels (kernels/attention/).
//
// Like CompressedMatMul it need not be registered, unless it is to be read from a file (kept/graph_parts.cc). It takes
// and gives f32, and computes on the plugin's own threads. It writes into two of its inputs, the caches, as OpenVINO's
// operation does: they are memory of the runner, which the plugin hands on without a copy.
#pragma once
#include <memory>
#include <openvino/op/op.hpp>
#include <openvino/openvino.hpp>
#include <span>
#include <string>

#include "kernels/attention/attention.h"

namespace llm {

// What the clones of an operation share.
struct SharedAttention {
  const AttentionKernel* kernel = nullptr;
  AttentionShape shape;
  std::string id;  // different for each operation of a model, see SharedWeights::id
};

// The inputs of a BlockAttention behind queries, keys and values.
inline constexpr size_t kAttentionTensors = 7;

// As a BlockAttention does. Throws what attend() throws.
void attend(const SharedAttention& attention, const float* queries, const float* keys, const float* values,
            size_t tokens, std::span<const ov::Tensor> tensors, float* out, const Threads& threads);

class BlockAttention : public ov::op::Op {
 public:
  OPENVINO_OP("BlockAttention", "openvino_llm");  // CompressedMatMul::kOpset

  // Inputs, as those of PagedAttentionExtension: queries, keys, values f32 [tokens, heads * width]; the caches of keys
  // and values [blocks, KV heads, ...]; past lengths, begins of sequences, block table and its begins i32; the longest
  // sequence, which is not looked at.
  BlockAttention() = default;
  BlockAttention(const ov::OutputVector& inputs, std::shared_ptr<const SharedAttention> attention);

  const std::shared_ptr<const SharedAttention>& attention() const { return attention_; }

  void validate_and_infer_types() override;
  std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector& inputs) const override;
  bool visit_attributes(ov::AttributeVisitor& visitor) override;
  bool has_evaluate() const override { return true; }
  bool evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const override;

 private:
  std::shared_ptr<const SharedAttention> attention_;
  std::string id_;
};

}  // namespace llm
