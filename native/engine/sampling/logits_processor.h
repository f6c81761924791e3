// Changes a row of logits before a token is drawn from it: penalties, bans, biases, grammars.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "engine/types.h"

namespace llm {

// The tokens of a sequence before the one that is to be chosen. While drafts are verified, those that were accepted are
// part of the answer.
struct TokensSoFar {
  std::span<const Token> prompt;
  std::span<const Token> answer;
  std::span<const Token> all;  // both
  // What the groups of beams before this one have chosen in this step.
  std::span<const Token> groups_before{};
};

// One per sequence. What it keeps must follow from the tokens so far: a sequence may be computed anew. From call to
// call the tokens only grow.
class LogitsProcessor {
 public:
  virtual ~LogitsProcessor() = default;
  // `logits` is a scratch copy, to be changed in place; -infinity bans a token. Must not allocate after its first call.
  // Tokens of the sequence may lie outside the row.
  virtual void process(std::span<float> logits, const TokensSoFar& so_far) = 0;
};

using LogitsProcessors = std::vector<std::unique_ptr<LogitsProcessor>>;

}  // namespace llm
