// The options that narrow down which tokens may be drawn once the logits have become weights. An option is one struct:
// its field of SamplingParams, its name at the boundary, the values it may have, and its step. `Truncation` lists them
// in the order of their steps; the boundary and the sampler read that list, so a new option is written here alone.
#pragma once
#include <algorithm>
#include <numeric>
#include <span>

#include "engine/types.h"

namespace llm {

struct Candidate {
  float weight;  // exp((logit - max) / temperature): 1 for the most likely token
  Token token;
};

// The heaviest candidate is the most likely one; of equal weights the lower id.
inline bool less_likely(const Candidate& a, const Candidate& b) {
  return a.weight != b.weight ? a.weight < b.weight : a.token > b.token;
}

// Candidates that may still be drawn, in any order, never none; and the sum of their weights.
struct Kept {
  std::span<Candidate> candidates;
  double total;
};

// The fewest most likely candidates that together have this probability.
struct TopP {
  static constexpr const char* kName = "topP";
  double top_p = 1;  // in (0, 1]; 1 keeps all

  double& value() { return top_p; }
  bool valid() const { return top_p > 0 && top_p <= 1; }
  bool active() const { return top_p < 1; }
  Kept keep(Kept kept) const {
    auto [candidates, total] = kept;
    // What lies below the average share of the tail cannot be in the nucleus: all of it together weighs less than the
    // tail.
    const double floor = (1 - top_p) * total / static_cast<double>(candidates.size());
    const auto end = std::partition(candidates.begin(), candidates.end(), [&](auto& c) { return c.weight >= floor; });
    // A max-heap hands out the most likely first; only as many as the nucleus holds are ever ordered.
    std::make_heap(candidates.begin(), end, less_likely);
    auto begin = end;
    double mass = 0;
    while (begin != candidates.begin() && mass < top_p * total) {
      std::pop_heap(candidates.begin(), begin, less_likely);
      mass += (--begin)->weight;
    }
    return {{begin, end}, mass};
  }
};

// The candidates whose probability is at least min_p times the largest one (Nguyen et al. 2024, "Turning Up the Heat",
// arXiv:2407.01082; transformers' MinPLogitsWarper).
struct MinP {
  static constexpr const char* kName = "minP";
  double min_p = 0;  // in [0, 1]; 0 keeps all

  double& value() { return min_p; }
  bool valid() const { return min_p >= 0 && min_p <= 1; }
  bool active() const { return min_p > 0; }
  Kept keep(Kept kept) const {
    const auto begin = kept.candidates.begin();
    const double bound = min_p * std::max_element(begin, kept.candidates.end(), less_likely)->weight;
    const auto end = std::partition(begin, kept.candidates.end(), [&](auto& c) { return c.weight >= bound; });
    return {{begin, end}, std::accumulate(begin, end, 0.0, [](double sum, auto& c) { return sum + c.weight; })};
  }
};

template <class... Options>
struct Truncations : Options... {
  // Calls visit(name, value) for each option.
  template <class Visit>
  void each(Visit&& visit) {
    (visit(Options::kName, Options::value()), ...);
  }
  bool valid() const { return (Options::valid() && ...); }
  bool active() const { return (Options::active() || ...); }
  Kept keep(Kept kept) const {
    ((kept = Options::active() ? Options::keep(kept) : kept), ...);
    return kept;
  }
};

using Truncation = Truncations<TopP, MinP>;

}  // namespace llm
