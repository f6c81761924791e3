// One answer while it is computed: plain data, moved between the scheduler's lists.
#pragma once
#include <algorithm>
#include <list>
#include <optional>
#include <utility>
#include <vector>

#include "engine/answer_group.h"
#include "engine/beams/beam.h"
#include "engine/clock.h"
#include "engine/drafting/prompt_lookup.h"
#include "engine/event.h"
#include "engine/request.h"
#include "engine/rope.h"
#include "engine/sampling/grammars.h"
#include "engine/sampling/sampler.h"
#include "engine/sampling/steps.h"
#include "engine/types.h"

namespace llm {

enum class Status {
  kWaiting,  // for room; the runner does not know it
  kRunning,  // the runner has admitted it
};

// Who made the drafts behind a sequence's tokens.
enum class DraftSource { kPromptLookup, kDraftModel };

struct Sequence {
  Sequence(SequenceId id_, std::vector<Token> prompt_, const RequestParams& params_, Clock::time_point now)
      : id(id_),
        params(params_),
        prompt(prompt_.size()),
        tokens(std::move(prompt_)),
        unreported(params_.prompt_logprobs < 0
                       ? prompt
                       : std::min(prompt, std::max<size_t>(1, static_cast<size_t>(params_.prompt_logprobs_from)))),
        processors(make_processors(params_)),
        sampler(params_),
        submitted(now) {}

  SequenceId id;
  RequestParams params;
  Status status = Status::kWaiting;
  size_t prompt;              // tokens of the prompt
  std::vector<Token> tokens;  // prompt and answer; during a step, drafts behind them
  size_t drafts = 0;          // how many of those are drafts
  size_t forced = 0;          // tokens of the answer that its grammar forced and that are not computed yet
  DraftSource draft_source = DraftSource::kPromptLookup;
  size_t computed = 0;          // leading tokens that are in the KV cache
  size_t unreported;            // the first token of the prompt whose log-probability is wanted still; `prompt`: none
  Rope rope = Rope::kShort;     // the factors that it was admitted with
  LogitsProcessors processors;  // of its sampling options
  Sampler sampler;
  std::shared_ptr<Compilation> compilation;  // of its grammar and its group's, until that is done
  std::shared_ptr<Constraint> constraint;    // null without a grammar
  // Logits of the next token and of the drafts', copied because the masks came later than they did.
  struct HeldRows {
    std::vector<float> logits;
    size_t width = 0;
  };
  std::optional<HeldRows> held;
  std::optional<PromptLookup> lookup;
  std::optional<Beam> beam;  // when it is one of a beam search
  AnswerGroup group;         // the other answers to its prompt, while that is not computed
  double rank = 0;           // the lowest is served first; see Scheduler
  Timings counts;            // the token counts of it
  Clock::time_point submitted, started{}, first_token{}, last_token{};
  std::optional<Clock::time_point> reprefill_begun;  // while it is computed again because it needs other factors

  // Takes the memory that its steps will need, so that none of them allocates.
  void begin(Clock::time_point now, size_t most_drafts) {
    started = now;
    tokens.reserve(max_length() + std::max(most_drafts, static_cast<size_t>(params.lookup_tokens)));
    if (params.lookup_tokens > 0) {
      lookup.emplace(static_cast<size_t>(params.lookup_ngram), static_cast<size_t>(params.lookup_tokens), max_length());
    }
  }

  // The first answer of its group as a sequence of its own, without a group.
  Sequence next_answer() const {
    RequestParams own = params;
    own.seed = group.begin()->seed;
    own.prompt_logprobs = -1;  // the first answer reports them
    Sequence next(group.begin()->id, tokens, own, submitted);
    next.rank = rank;
    next.compilation = compilation;
    next.constraint = group.begin()->constraint;
    return next;
  }

  // A beam that has the same tokens, and that a runner has to be told of.
  Sequence fork(SequenceId child_id) const {
    Sequence child(child_id, tokens, params, submitted);
    child.prompt = child.unreported = prompt;
    child.beam = beam;
    child.rank = rank;
    child.rope = rope;
    child.computed = computed;
    child.counts = counts;
    child.first_token = first_token;
    child.last_token = last_token;
    child.begin(started, 0);
    return child;
  }

  // Its part of the KV cache is lost.
  void start_over() {
    computed = 0;
    forced = 0;
    held.reset();
    tokens.resize(tokens.size() - std::exchange(drafts, 0));
  }

  size_t generated() const { return tokens.size() - drafts - prompt; }
  size_t max_length() const { return prompt + static_cast<size_t>(params.max_new_tokens); }
  // At least 1 between steps, but for a beam that waits for others, and while rows are held.
  size_t left() const { return tokens.size() - computed; }
  // In the batch. A search that begins has those of all its beams.
  size_t places() const { return beam && generated() == 0 ? static_cast<size_t>(params.num_beams) : 1; }
  bool reports() const { return unreported < prompt; }
  // The first token whose logits are wanted. What comes before it may be taken from the cache.
  size_t first_row() const { return (reports() ? unreported : tokens.size() - drafts) - 1; }
  // Rows of logits that are wanted of a step over the next `count` tokens: those of the last ones.
  size_t rows(size_t count) const {
    if (!reports() && params.max_new_tokens == 0) return 0;
    const size_t end = computed + count;
    return end - std::min(end, std::max(first_row(), computed));
  }
  bool decoding() const { return status == Status::kRunning && left() == 1 + forced + drafts && generated() > 0; }
};

inline std::list<Sequence>::iterator find(std::list<Sequence>& list, SequenceId id) {
  return std::find_if(list.begin(), list.end(), [id](const Sequence& sequence) { return sequence.id == id; });
}

}  // namespace llm
