// What a graph tells of itself: its vocabulary, weights, LongRoPE factors and how it was exported.
#pragma once
#include <openvino/openvino.hpp>

#include "engine/event.h"

namespace llm {

// Of a text decoder's graph. The vocabulary's size is 0 where the graph does not look up `input_ids` in a table. Throws
// Failure ERR_UNSUPPORTED_MODEL when the graph chooses between position factors at several lengths.
GraphInfo graph_info(const ov::Model& model);

}  // namespace llm
