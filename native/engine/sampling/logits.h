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

// The largest logit of a sound row. Throws Failure ERR_NON_FINITE when it is not sound.
float sound_max(std::span<const float> logits);

// e^x of an x ≤ 0, to a relative 2e-7; 0 below the least exponent, where the smallest normal floats are.
inline constexpr double kLeastExponent = -87;
float exponential(float x);

// The sum of e^((logit - max) * scale), by the same function.
double sum_of_exponentials(std::span<const float> logits, float max, float scale);

// Whether any of kLogitLanes logits is at least the bound.
inline constexpr size_t kLogitLanes = 16;
bool any_at_least(const float* logits, float bound);

// Calls visit(index) for each logit above the bound, in their order.
template <class Visit>
void each_above(std::span<const float> logits, float bound, Visit&& visit) {
  size_t i = 0;
  for (; i + kLogitLanes <= logits.size(); i += kLogitLanes) {
    if (!any_at_least(logits.data() + i, bound)) continue;
    for (size_t lane = i; lane < i + kLogitLanes; ++lane) {
      if (logits[lane] > bound) visit(lane);
    }
  }
  for (; i < logits.size(); ++i) {
    if (logits[i] > bound) visit(i);
  }
}

}  // namespace llm
