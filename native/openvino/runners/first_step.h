// The logits of the first step that every load computes: of one token, 0, at the beginning. With them a graph that
// comes from a file is compared with the one that was compiled from the model.
#pragma once
#include <span>
#include <vector>

#include "engine/runner.h"

namespace llm {

inline bool is_first_step(std::span<const Span> spans) {
  return spans.size() == 1 && spans[0].position == 0 && spans[0].rows == 1 && spans[0].tokens.size() == 1 &&
         spans[0].tokens[0] == 0;
}

// Of a runner that has computed nothing; it is as before then.
std::vector<float> first_logits(Runner& runner);

// Whether they are of one model, computed in the same way: all finite, and nowhere further apart than rounding is.
bool same_logits(std::span<const float> left, std::span<const float> right);

}  // namespace llm
