// Where a graph chooses between the short and the long position factors of LongRoPE, and who makes that choice.
//
// Exports compare max(position_ids) + 1 of a whole step with a constant. That is wrong for a long prompt in chunks,
// whose first chunks look short, and for a batch, where one long sequence makes all others long. So a new input makes
// the choice, set for each step. Keys that were computed with the other factors are wrong (engine/rope.h): when a
// sequence grows beyond the border it is computed anew.
#pragma once
#include <cstdint>
#include <openvino/openvino.hpp>

#include "engine/rope.h"

namespace llm {

// The length of the longest sequence that takes the short factors; 0 when the graph does not choose. Throws Failure
// ERR_UNSUPPORTED_MODEL when it chooses at several lengths.
int64_t long_rope_border_of(const ov::Model& model);

// Name of the input of add_rope_input().
inline constexpr const char* kRopeInput = "rope_length";

// Lets a new input `rope_length`, i64 [], make the choice: a step is computed as if its sequences had that length.
void add_rope_input(ov::Model& model);
int64_t rope_length(Rope rope);

// Makes the choice once and for all; adds no input.
void fix_rope(ov::Model& model, Rope rope);

}  // namespace llm
