// Makes the end of an answer more likely with each token (transformers' ExponentialDecayLengthPenalty).
#pragma once
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "engine/sampling/logits_processor.h"

namespace llm {

// Behind `start` tokens of the answer, n tokens later, |logit| * (factor ^ n - 1) is added to the logits of `ends`.
class LengthDecay : public LogitsProcessor {
 public:
  LengthDecay(std::vector<Token> ends, double start, double factor)
      : ends_(std::move(ends)), start_(start), factor_(factor) {}
  void process(std::span<float> logits, const TokensSoFar& so_far) override {
    const double n = static_cast<double>(so_far.answer.size()) - start_;
    if (n <= 0) return;
    const double times = std::pow(factor_, n) - 1;
    for (const Token token : ends_) {
      if (static_cast<size_t>(token) >= logits.size()) continue;
      float& logit = logits[static_cast<size_t>(token)];
      // A token that is banned stays so. The sum stays finite, whatever the power is.
      if (!std::isinf(logit)) logit = static_cast<float>(std::min(logit + std::abs(logit) * times, kMost));
    }
  }

 private:
  static constexpr double kMost = 1e30;
  std::vector<Token> ends_;
  double start_, factor_;
};

}  // namespace llm
