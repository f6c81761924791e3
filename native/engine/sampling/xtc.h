// XTC, "exclude top choices": sometimes only the least likely of those tokens stays that have a certain probability. As
// its author defines it (github.com/oobabooga/text-generation-webui/pull/6335).
#pragma once
#include <algorithm>
#include <numeric>
#include <span>
#include <vector>

#include "engine/sampling/truncation.h"

namespace llm {

// What is kept when XTC acts. It does not when that would take out one of the protected tokens, which are in ascending
// order: the ends of an answer and of a line.
inline Kept exclude_top_choices(Kept kept, double threshold, std::span<const Token> protected_tokens) {
  const auto begin = kept.candidates.begin();
  const double bound = threshold * kept.total;
  const auto end = std::partition(begin, kept.candidates.end(), [&](const Candidate& c) { return c.weight >= bound; });
  if (end - begin < 2) return kept;
  std::iter_swap(std::min_element(begin, end, less_likely), end - 1);
  for (auto top = begin; top != end - 1; ++top) {
    if (std::binary_search(protected_tokens.begin(), protected_tokens.end(), top->token)) return kept;
  }
  const std::span<Candidate> left{end - 1, kept.candidates.end()};
  return {left, std::accumulate(left.begin(), left.end(), 0.0, [](double sum, auto& c) { return sum + c.weight; })};
}

}  // namespace llm
