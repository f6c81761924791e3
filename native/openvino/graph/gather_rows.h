// Lets a graph compute logits for wanted tokens only.
#pragma once
#include <openvino/openvino.hpp>
#include <string>

namespace llm {

struct RowGather {
  bool gathers = false;  // the graph has the new input
  std::string lost;  // in words, why rows are not gathered, or not before the product with the head's weights; or ""
};

// Gives the graph an input `sampled_tokens_indices` i64 [rows], which indexes the flattened tokens of the step. The
// logits become [1, rows, vocabulary]. The first of these ways is taken for which the shapes of a step come out right:
//
// - Graphs from GGUF pick the last row by themselves, before the last layer's feed-forward: the input replaces that
//   index.
// - The input of the MatMul that makes the logits is gathered: exports of optimum-intel.
// - The logits are gathered. Then all of them are computed, which `lost` says.
//
// Where none works, the graph stays as it was.
RowGather gather_rows(ov::Model& model);

}  // namespace llm
