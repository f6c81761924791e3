// From a row of a step to the next token of a sequence: logits processors, then the sequence's own sampler.
#pragma once
#include <span>
#include <vector>

#include "engine/sequence.h"

namespace llm {

// One per engine, on its thread. It holds a scratch row for the processors, because sequences may share a row of the
// runner: the answers to one prompt all begin with the same.
class StepSampler {
 public:
  // No token outside `vocabulary` is ever given.
  explicit StepSampler(size_t vocabulary) : vocabulary_(vocabulary) {}

  // The token behind the sequence's first `length` tokens, whose logits `row` holds; `mask` has the bits of those that
  // its grammar allows, and is empty without one. Copies the row only when the sequence has processors or a mask.
  // Throws Failure: ERR_NON_FINITE (see Sampler), ERR_TOKEN_ID for a token that the embedding table does not have,
  // ERR_NO_TOKEN when processors and mask ban all.
  Token sample(Sequence& sequence, size_t length, std::span<const float> row, std::span<const uint32_t> mask = {});

  // The logarithm of the softmax over a row, changed by the sequence's processors; of tokens that cannot follow
  // -infinity. `groups_before`: see TokensSoFar; `mask`: as above. Valid until the next call. Throws Failure
  // ERR_NON_FINITE.
  std::span<const float> log_probabilities(Sequence& sequence, std::span<const float> row,
                                           std::span<const Token> groups_before, std::span<const uint32_t> mask);

  // Throws Failure ERR_TOKEN_ID for a token that the embedding table does not have.
  void check(Token token) const;

  // Adds the log-probability of the token that was sampled last, from the same row, to `found` if the sequence wants
  // it.
  void note(const Sequence& sequence, Token token, std::span<const float> row, Logprobs& found) const;

 private:
  Token drawn(Sequence& sequence, std::span<const float> logits, std::span<const float> row, bool certain);
  std::span<const float> processed(Sequence& sequence, size_t length, std::span<const float> row,
                                   std::span<const uint32_t> mask);
  void process(Sequence& sequence, size_t length, std::span<const Token> groups_before);

  size_t vocabulary_;
  std::vector<float> scratch_;
  std::span<const float> processed_;  // the row that was sampled last
};

}  // namespace llm
