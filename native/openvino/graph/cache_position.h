// The input by which graphs of state-space models (Mamba) tell a prompt from a token that follows.
#pragma once
#include <cstddef>
#include <openvino/openvino.hpp>

namespace llm {

inline constexpr const char* kCachePosition = "cache_position";

// How many positions make a step a prompt: the width of the model's convolution. A prompt begins with an empty state
// and has at least so many tokens. With any other number the graph computes one token after its state. The graph must
// have the input. Throws Failure ERR_UNSUPPORTED_MODEL when it compares the input's length with no number.
size_t prompt_positions_of(const ov::Model& model);

}  // namespace llm
