// Processors that ban tokens by their ids: at the beginning of an answer, before its least length, at its end, always.
#pragma once
#include <algorithm>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "engine/sampling/logits_processor.h"

namespace llm {

inline constexpr float kBanned = -std::numeric_limits<float>::infinity();

inline void ban(std::span<float> logits, std::span<const Token> tokens) {
  for (const Token token : tokens) {
    if (static_cast<size_t>(token) < logits.size()) logits[static_cast<size_t>(token)] = kBanned;
  }
}

// While the answer has fewer tokens than `below`. (transformers' MinNewTokensLengthLogitsProcessor with the ends of an
// answer; SuppressTokensAtBeginLogitsProcessor with 1; SuppressTokensLogitsProcessor without a bound.)
class BannedTokens : public LogitsProcessor {
 public:
  static constexpr size_t kAlways = std::numeric_limits<size_t>::max();

  BannedTokens(std::vector<Token> tokens, size_t below) : tokens_(std::move(tokens)), below_(below) {}
  void process(std::span<float> logits, const TokensSoFar& so_far) override {
    if (so_far.answer.size() < below_) ban(logits, tokens_);
  }

 private:
  std::vector<Token> tokens_;
  size_t below_;
};

// The last token that an answer can have is one of these (transformers' ForcedEOSTokenLogitsProcessor).
class ForcedEnd : public LogitsProcessor {
 public:
  ForcedEnd(std::vector<Token> tokens, size_t max_new_tokens)
      : tokens_(std::move(tokens)), max_new_tokens_(max_new_tokens) {}
  void process(std::span<float> logits, const TokensSoFar& so_far) override {
    if (so_far.answer.size() + 1 != max_new_tokens_) return;
    std::fill(logits.begin(), logits.end(), kBanned);
    for (const Token token : tokens_) {
      if (static_cast<size_t>(token) < logits.size()) logits[static_cast<size_t>(token)] = 0;
    }
  }

 private:
  std::vector<Token> tokens_;
  size_t max_new_tokens_;
};

}  // namespace llm
