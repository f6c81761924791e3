// Biases of tokens, and of tokens behind certain others (transformers' SequenceBiasLogitsProcessor; with a bias of
// -infinity its NoBadWordsLogitsProcessor).
#pragma once
#include <algorithm>
#include <span>
#include <vector>

#include "engine/sampling/logits_processor.h"

namespace llm {

// The bias of a sequence is added to its last token when the others are the last tokens so far. Unlike transformers,
// which ignores a sequence as long as prompt and answer plus one, that is so from the first token on.
class SequenceBias : public LogitsProcessor {
 public:
  void add(std::span<const Token> sequence, float bias) {
    biases_.push_back({{sequence.begin(), sequence.end() - 1}, sequence.back(), bias});
  }
  bool empty() const { return biases_.empty(); }

  void process(std::span<float> logits, const TokensSoFar& so_far) override {
    for (const auto& [before, token, bias] : biases_) {
      if (static_cast<size_t>(token) >= logits.size() || before.size() > so_far.all.size()) continue;
      const auto last = so_far.all.last(before.size());
      if (std::equal(before.begin(), before.end(), last.begin())) logits[static_cast<size_t>(token)] += bias;
    }
  }

 private:
  struct Bias {
    std::vector<Token> before;
    Token token;
    float bias;
  };
  std::vector<Bias> biases_;
};

}  // namespace llm
