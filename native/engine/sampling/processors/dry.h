// DRY, "don't repeat yourself": a token that would prolong a repetition loses multiplier * base ^ (length - allowed
// length). As its author defines it (github.com/oobabooga/text-generation-webui/pull/5677).
#pragma once
#include <cstdint>
#include <vector>

#include "engine/sampling/logits_processor.h"
#include "engine/sampling/params.h"

namespace llm {

class Dry : public LogitsProcessor {
 public:
  explicit Dry(const SamplingParams& params);
  void process(std::span<float> logits, const TokensSoFar& so_far) override;

 private:
  bool breaks(Token token) const;
  size_t repeated(std::span<const Token> tokens, size_t end) const;

  double multiplier_, base_;
  size_t allowed_length_;
  size_t last_n_;                  // tokens that are looked at
  std::vector<Token> breakers_;    // no repetition goes across them; ascending
  std::vector<uint8_t> longest_;   // by token: of the repetitions that it would prolong
  std::vector<Token> prolonging_;  // those with one
};

}  // namespace llm
