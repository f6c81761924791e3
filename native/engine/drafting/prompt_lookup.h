// Prompt lookup decoding (Saxena 2023): what followed the last tokens when they occurred before is a draft of what
// follows now; the model verifies all of it in one step.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "engine/scheduling/step_costs.h"
#include "engine/types.h"

namespace llm {

// One per sequence.
class PromptLookup {
 public:
  // Looks for the last `max_ngram` tokens, then for fewer; drafts at most `max_tokens`. The sequence never has more
  // than `max_length` tokens.
  PromptLookup(size_t max_ngram, size_t max_tokens, size_t max_length);

  // What may follow `tokens` (prompt and answer so far; between calls it only grows): a view into `tokens` of at most
  // `limit` tokens, from the earlier occurrence that is being followed, else the newest. Empty when there is none, or
  // when the expected gain does not pay for the rows: the step has `rows` rows without it.
  std::span<const Token> propose(std::span<const Token> tokens, size_t limit, size_t rows, const StepCosts& costs);

  // So many of the proposed tokens were accepted.
  void verified(size_t proposed, size_t accepted);

 private:
  // tokens[start, end) repeats what precedes `start`: `length` tokens before it equal the last ones.
  struct Match {
    size_t start = 0;
    size_t end = 0;
    size_t length = 0;  // 0: none
  };
  // How often a draft after a match of some length was accepted, the newest counting most.
  struct Rate {
    double accepted = 0;
    double seen = 0;
  };

  void index(std::span<const Token> tokens);
  size_t bucket(Token first, Token second) const;
  Match find(std::span<const Token> tokens) const;
  void observe(std::span<const Token> tokens);
  void learn(size_t length, bool accepted);
  double chance(size_t length) const;

  size_t max_ngram_;
  size_t max_tokens_;
  size_t max_length_;
  // Chains of the positions that follow equal pairs of tokens, newest first; 0 ends a chain. 4 bytes a token (the heads
  // up to 8), touched only as far as the sequence has grown.
  std::unique_ptr<uint32_t[]> heads_;
  std::unique_ptr<uint32_t[]> older_;
  size_t head_bits_ = 0;
  size_t indexed_ = 1;  // positions below it are in the chains
  // Newest position that follows a token: the last resort, so a token may take another's place.
  std::array<uint32_t, 4096> singles_{};
  Match last_;  // what the newest call of propose() found; length 0 when it is verified
  std::array<Rate, 9> rates_;
};

}  // namespace llm
