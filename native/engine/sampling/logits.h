// Passes over a row of logits, written so that compilers take vector registers: a row is longer than all else that the
// loop looks at between two steps.
#pragma once
#include <cstddef>
#include <span>

namespace llm {

struct LogitRange {
  float max;   // -infinity in an empty row; means nothing in one that is not sound
  bool sound;  // neither NaN nor +infinity, and not all -infinity: a graph may mask tokens with that
};

LogitRange range_of(std::span<const float> logits);

// Whether any of kLogitLanes logits is above the bound.
inline constexpr size_t kLogitLanes = 16;
bool any_above(const float* logits, float bound);

}  // namespace llm
