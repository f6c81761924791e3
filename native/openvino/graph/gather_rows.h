// Lets a graph compute logits for wanted tokens only.
#pragma once
#include <openvino/openvino.hpp>

namespace llm {

// The last MatMul's input is gathered by a new input `sampled_tokens_indices` i64 [rows], which indexes the flattened
// tokens of the step. The logits become [1, rows, vocabulary]. Throws Failure ERR_UNSUPPORTED_MODEL when the graph does
// not end in a MatMul.
//
// Graphs of optimum-intel get a Gather before the last MatMul. Graphs from GGUF pick the last row by themselves, before
// the last layer's feed-forward; there the new input replaces that index.
void gather_rows(ov::Model& model);

}  // namespace llm
