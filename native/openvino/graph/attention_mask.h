// Proves that paged attention sees what the graph's own attention sees. OpenVINO's SDPAToPagedAttention knows the masks
// of some models and drops every other one without a word: it then attends to all earlier tokens, and the answer is
// wrong.
#pragma once
#include <cstdint>
#include <memory>
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

namespace llm {

// The masks of a graph, computed for some lengths. They hang on lengths and positions alone, so the subgraphs that make
// them are cut out and computed by themselves: no weights are read.
class AttentionMasks {
 public:
  // Before the model is paged. `context` is the longest sequence that the model may have, at least 1.
  AttentionMasks(const ov::Model& model, int64_t context);

  // Why the paged model does not attend to what the original one did, in words; "" when every layer does: same tokens
  // seen (causal, sliding window), same bias of each (alibi), sinks kept. Lengths are taken on both sides of each
  // window that a mask shows, and up to the context.
  std::string differs_from(const ov::Model& paged) const;

 private:
  // Rows of a mask: for each head the bias of each token, beside the diagonal's; see attention_mask.cc.
  struct Layer {
    std::string name;   // of the attention operation; paging keeps it
    int64_t mask = -1;  // which output of the cut-out graph, or -1 for none
    bool causal = false;
    bool sinks = false;
  };
  struct Lengths {
    int64_t past;   // tokens before
    int64_t count;  // tokens of the step
  };
  struct Paged;

  std::vector<ov::Tensor> compute(const Lengths& lengths) const;
  std::string compare(const Layer& layer, const Paged& paged, const std::vector<ov::Tensor>& masks,
                      const Lengths& lengths) const;

  std::shared_ptr<ov::Model> graph_;  // of the masks alone
  std::vector<Layer> layers_;
  int64_t context_;
};

}  // namespace llm
