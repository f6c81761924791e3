// The best of all continuations of some beams, without sorting a vocabulary.
#pragma once
#include <span>
#include <vector>

#include "engine/beams/beam_group.h"

namespace llm {

class BestContinuations {
 public:
  explicit BestContinuations(size_t most) : most_(most) { kept_.reserve(most + 1); }

  // The log-probabilities of what follows a running beam; -infinity cannot follow.
  void show(const Continuation& running, std::span<const float> log_probabilities);
  // The best first; of equal ones that which was shown first.
  std::span<const Continuation> best() const { return kept_; }

 private:
  const size_t most_;
  std::vector<Continuation> kept_;
};

}  // namespace llm
