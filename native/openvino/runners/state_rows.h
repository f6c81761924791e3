// Moves what the states of infer requests hold of single sequences into another request.
#pragma once
#include <openvino/openvino.hpp>
#include <span>

#include "openvino/graph/state_axes.h"

namespace llm {

// A sequence in the states of a request: its row, and its tokens, which end where the state's do.
struct StateRow {
  ov::InferRequest* request;
  size_t row;
  size_t tokens;
};

// Gives `target`, which may be one of their own, the states of these sequences alone, in this order. A shorter one has
// zeros before its tokens. Both ways go through the plugin's conversions, so a state takes about as long as 4 copies of
// it. Throws Failure ERR_ENGINE when a state has another shape than its axes say; then `target` is of no use.
void move_rows(const StateAxes& axes, std::span<const StateRow> rows, ov::InferRequest& target);

}  // namespace llm
