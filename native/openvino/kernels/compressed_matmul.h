// An operation that OpenVINO's CPU plugin runs by calling it: activations times packed weights, by the built-in
// kernels.
//
// It need not be registered with OpenVINO, unless it is to be read from a file (kept/graph_parts.cc). It takes and
// gives f32: where OpenVINO computes in bf16 it converts around each one, so such graphs are compiled in f32, which is
// quicker and more exact (compile.cc). It computes on the plugin's own TBB threads; another arena would put twice as
// many threads on the cores.
#pragma once
#include <memory>
#include <openvino/op/op.hpp>
#include <openvino/openvino.hpp>
#include <span>
#include <string>
#include <vector>

#include "kernels/matmul.h"

namespace llm {

// What all operations of a model share.
struct KernelUse {
  const Kernel* kernel = nullptr;
  QuantizationSpan span = 32;
};

// Weights that are multiplied with one input. When shapes are dynamic, the plugin clones an operation on each call: all
// clones share this.
struct SharedWeights {
  KernelUse use;
  std::shared_ptr<const void> memory;  // what keeps the parts' bytes: HugeMemory, or a PackedFile
  std::vector<PackedWeights> parts;
  bool gated = false;  // two parts, gate and up; one result, silu(gate) * up
  size_t experts = 0;  // of a CompressedExperts: three parts, gate, up and down, each of all experts
  // Different for each operation of a model. OpenVINO merges operations whose type, input and attributes are equal:
  // without this attribute q, k and v, if they had the same shape, became one.
  std::string id;
};

// outs: one for each part, or one where they are gated, [rows, parts[i].rows()]. Throws std::bad_alloc.
void multiply(const SharedWeights& weights, const float* x, size_t rows, std::span<float* const> outs,
              const Threads& threads);

using SharedLayers = std::vector<std::shared_ptr<const SharedWeights>>;

class CompressedMatMul : public ov::op::Op {
 public:
  static constexpr const char* kOpset = "openvino_llm";  // of every operation of this addon
  OPENVINO_OP("CompressedMatMul", "openvino_llm");

  CompressedMatMul() = default;
  CompressedMatMul(const ov::Output<ov::Node>& input, std::shared_ptr<const SharedWeights> weights);

  const std::shared_ptr<const SharedWeights>& weights() const { return weights_; }

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
