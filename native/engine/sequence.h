// One answer while it is computed: plain data, moved between the scheduler's lists.
#pragma once
#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "engine/drafting/prompt_lookup.h"
#include "engine/event.h"
#include "engine/request.h"
#include "engine/rope.h"
#include "engine/sampling/sampler.h"
#include "engine/types.h"

namespace llm {

using Clock = std::chrono::steady_clock;

struct Sibling {
  SequenceId id;
  uint32_t seed;
};

struct Sequence {
  Sequence(SequenceId id_, std::vector<Token> prompt_, const RequestParams& params_, Clock::time_point now)
      : id(id_),
        params(params_),
        prompt(prompt_.size()),
        tokens(std::move(prompt_)),
        sampler(params_),
        submitted(now) {}

  SequenceId id;
  RequestParams params;
  size_t prompt;              // tokens of the prompt
  std::vector<Token> tokens;  // prompt and answer; during a step, guesses behind them
  size_t drafts = 0;          // how many of those are guesses
  bool drafted = false;       // whether by the draft model
  size_t computed = 0;        // leading tokens that are in the KV cache
  bool admitted = false;      // whether the runner knows it; not while it waits
  Rope rope = Rope::kShort;   // the factors that it was admitted with
  bool reprefill = false;     // whether it is computed again because it needs others
  Sampler sampler;
  std::optional<PromptLookup> lookup;
  std::vector<Sibling> siblings;  // further answers, to be forked off once the prompt is computed
  double rank = 0;                // the lowest is served first; see Scheduler
  Timings counts;                 // the token counts of it
  Clock::time_point submitted, started{}, first_token{}, last_token{}, reprefill_begun{};

  // Takes the memory that its steps will need, so that none of them allocates.
  void begin(Clock::time_point now, size_t guesses) {
    started = now;
    tokens.reserve(max_length() + std::max(guesses, static_cast<size_t>(params.lookup_tokens)));
    if (params.lookup_tokens > 0) {
      lookup.emplace(static_cast<size_t>(params.lookup_ngram), static_cast<size_t>(params.lookup_tokens), max_length());
    }
  }

  size_t generated() const { return tokens.size() - drafts - prompt; }
  size_t max_length() const { return prompt + static_cast<size_t>(params.max_new_tokens); }
  size_t left() const { return tokens.size() - computed; }  // at least 1 between steps
  bool decoding() const { return admitted && left() == 1 + drafts && generated() > 0; }
};

}  // namespace llm
