// The attention masks of a graph, computed by themselves. They hang on lengths and positions alone, so the subgraphs
// that make them can be cut out: no weights are read. A mask that hangs on the tokens themselves is refused.
#pragma once
#include <cstdint>
#include <memory>
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

namespace llm {

class AttentionMasks {
 public:
  // An attention operation of the graph.
  struct Layer {
    std::string name;
    int64_t mask = -1;    // which of the masks it adds to its scores, or -1 for none
    bool causal = false;  // hides later tokens besides, counted from the first one of the step
    bool sinks = false;   // has learned sinks
  };
  struct Lengths {
    int64_t past;   // tokens before the step
    int64_t count;  // tokens of the step
    // When not 0, a second sequence is in the step, which has so many tokens fewer before it and is padded to be as
    // long.
    int64_t padding = 0;
  };

  // The model must not have been paged yet.
  explicit AttentionMasks(const ov::Model& model);

  const std::vector<Layer>& layers() const { return layers_; }

  // For each step every mask, [..., rows or 1, columns or 1], of two sequences [2 or 1, heads or 1, rows or 1, columns
  // or 1]: f32, or boolean where true means seen. One graph is compiled for all steps, which takes longer than
  // computing them. Throws Failure ERR_UNSUPPORTED_MODEL when a mask hangs on more than lengths and positions, or is
  // made of tensors too large to look at; other exceptions are OpenVINO's.
  std::vector<std::vector<ov::Tensor>> compute(const std::vector<Lengths>& steps) const;

 private:
  std::shared_ptr<ov::Model> graph_;  // of the masks and what they hang on; a state is an input
  std::vector<Layer> layers_;
};

}  // namespace llm
