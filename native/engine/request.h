// What JavaScript asks for. Plain data.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/beams/params.h"
#include "engine/sampling/answer_marks.h"
#include "engine/sampling/grammar.h"
#include "engine/sampling/params.h"
#include "engine/types.h"

namespace llm {

// Mirrors RequestParams in lib/engine/boundary.ts.
struct RequestParams : SamplingParams, BeamParams {
  int32_t max_new_tokens = 0;
  std::vector<Token> stop_token_ids;
  double priority = 0;
  int32_t lookup_ngram = 0;
  int32_t lookup_tokens = 0;
  int32_t logprobs = -1;  // likeliest tokens beside each one of the answer; -1: no log-probabilities
  bool processed_logprobs = false;
  int32_t prompt_logprobs = -1;  // the same for the prompt, from this token on
  int32_t prompt_logprobs_from = 1;
  Grammar grammar;
  Marks marks;

  // Whether an option may ban a token that a grammar would force.
  bool bans() const {
    return !bad_words_ids.empty() || !suppress_tokens.empty() || !begin_suppress_tokens.empty() ||
           !forced_eos_token_id.empty() || no_repeat_ngram_size > 0;
  }
};

struct Request {
  std::vector<SequenceId> ids;  // one per answer; answer i draws with seed + i, or is the i-th best of a beam search
  std::vector<Token> prompt;
  RequestParams params;
};

}  // namespace llm
