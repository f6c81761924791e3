// Speculative decoding with a draft model (Leviathan 2023): a second, smaller model drafts greedily what follows; the
// large one verifies all of it in one step.
#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/failure.h"
#include "engine/runner.h"
#include "engine/scheduling/step_costs.h"
#include "engine/types.h"

namespace llm {

// Used by the engine's thread alone, but for interrupt(). For all sequences of an engine.
class DraftModel {
 public:
  struct Proposal {
    SequenceId id = 0;
    std::span<const Token> tokens;  // prompt and answer so far; between calls it only grows. Not empty.
    size_t max_length = 0;          // the most tokens that the sequence will ever have
    size_t limit = 0;               // draft at most so many; 0 = only compute what is known (during prefill)
    std::span<const Token> drafts;  // filled in; valid until the next call that names the sequence
  };

  // `runner` can trim and is warmed up. At most `prefill_chunk` tokens a step and `max_tokens` drafts at once. No
  // draft lies outside `vocabulary`, which is that of the model that verifies.
  DraftModel(std::unique_ptr<Runner> runner, size_t prefill_chunk, size_t max_tokens, size_t vocabulary);

  // What may follow, for all sequences together: a step that computes the tokens not yet known here, then a step for
  // each further draft. A sequence for which that step was too short, or for which there is no room, gets no draft; nor
  // does any when drafting does not pay: the step that verifies has `rows` rows without drafts and costs what `costs`
  // says. Throws Interrupted; whatever else goes wrong only counts as a failure.
  void propose(std::span<Proposal> proposals, size_t rows, const StepCosts& costs);

  // So many of the drafts were verified and accepted. Need not be called for drafts that were not verified.
  void verified(SequenceId id, size_t proposed, size_t accepted);

  // Idempotent; also for ids that were never proposed for.
  void drop(SequenceId id) noexcept;

  // Any thread, once; see Runner.
  void interrupt() noexcept { runner_->interrupt(); }

  // The newest failure of the draft model, once; after two in a row it drafts no more.
  std::optional<Failure> take_failure() { return std::exchange(failure_, std::nullopt); }
  bool dead() const { return dead_; }
  KvUse kv() const { return runner_->kv(); }

 private:
  struct Sequence {
    size_t computed = 0;        // tokens in the draft model's KV cache, drafts included
    size_t known = 0;           // those of them and of the drafts that were the sequence's tokens when drafting began
    size_t limit = 0;           // drafts wanted now
    Rope rope = Rope::kShort;   // the factors of what is computed
    bool foreign = false;       // holds a token that the draft model does not have
    std::vector<Token> drafts;  // its memory is taken once
  };
  struct Stepping {
    Sequence* sequence;
    Proposal* proposal;
  };

  size_t depth(std::span<const Proposal> proposals, size_t rows, const StepCosts& costs);
  void draft(std::span<Proposal> proposals, size_t depth);
  Sequence* prepare(const Proposal& proposal, size_t depth);
  void settle(SequenceId id, Sequence& sequence, size_t length);
  void rewind(SequenceId id, Sequence& sequence, size_t length);
  void add_known(std::span<Stepping> stepping);
  void compute();
  Token likeliest(std::span<const float> logits) const;
  void failed();

  std::unique_ptr<Runner> runner_;
  size_t prefill_chunk_;
  size_t max_tokens_;
  size_t vocabulary_;  // of both models
  size_t draft_vocabulary_;
  size_t max_sequences_;
  RopeBorder border_;  // the draft model's own
  std::unordered_map<SequenceId, Sequence> sequences_;

  // Of the step being made; kept for their memory.
  std::vector<Stepping> ready_;
  std::vector<Stepping> stepping_;
  std::vector<Span> spans_;

  StepCosts costs_;  // of the draft model's steps
  double accepted_;  // of the drafts verified lately,
  double verified_;  // so many
  size_t idle_ = 0;  // calls since it last paid or was tried
  size_t patience_;  // idle calls until it is tried again
  std::optional<Failure> failure_;
  size_t failures_in_row_ = 0;
  bool dead_ = false;
};

}  // namespace llm
