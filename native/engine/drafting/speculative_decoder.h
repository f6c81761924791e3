// Speculative decoding: drafts of what comes next are put behind the tokens of decoding sequences before a step, and
// verified by its rows after it.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/drafting/draft_model.h"
#include "engine/event.h"
#include "engine/runner.h"
#include "engine/sampling/step_sampler.h"
#include "engine/scheduling/step_costs.h"
#include "engine/sequence.h"

namespace llm {

// What a step gave a sequence.
struct StepOutput {
  TokenList tokens;                    // at least one
  std::optional<FinishReason> reason;  // when the answer is complete
  size_t drafted = 0;
  size_t accepted = 0;  // of the drafts
  Logprobs logprobs;    // of the tokens, when they are wanted
};

// Engine thread only, but for interrupt().
class SpeculativeDecoder {
 public:
  // `draft_model` may be null. The others outlive this.
  SpeculativeDecoder(Runner& runner, StepSampler& sampler, std::unique_ptr<DraftModel> draft_model);

  // Drafts from the sequences' own texts. True when the draft model is to be asked for others.
  bool look_up(std::span<Sequence* const> decoding, const StepCosts& costs);
  // Drafts of the draft model, for the same sequences. Throws Interrupted.
  void ask_draft_model(std::span<Sequence* const> decoding, const StepCosts& costs);
  // Any thread; of ask_draft_model().
  void interrupt() noexcept { draft_model_->interrupt(); }
  // The draft model's newest failure, once.
  std::optional<Failure> take_failure() { return draft_model_->take_failure(); }

  // Takes the tokens that a step's rows, from `row` on, say, with or without drafts, and those that a grammar forces
  // behind them; the masks of a grammar must be ready. Throws Failure, and the sequence
  // is to be given up.
  StepOutput verify(Sequence& sequence, const Rows& rows, size_t row);

  // Takes back what was put behind the tokens, and the draft model's part of the sequence.
  void drop(Sequence& sequence) noexcept {
    sequence.tokens.resize(sequence.tokens.size() - std::exchange(sequence.drafts, 0));
    drop(sequence.id);
  }

  // Idempotent.
  void drop(SequenceId id) noexcept {
    if (draft_model_) draft_model_->drop(id);
  }

 private:
  static void add(const Sequence& sequence, size_t at, Token token, bool ended, StepOutput& output);
  void follow(Sequence& sequence, StepOutput& output) const;
  bool put(Sequence& sequence, std::span<const Token> drafts, DraftSource source);

  Runner& runner_;
  StepSampler& sampler_;
  const std::unique_ptr<DraftModel> draft_model_;
  const bool can_trim_;
  const bool computes_many_;  // tokens of a sequence that has computed some, in one step
  const RopeBorder border_;   // no draft crosses it: its rows would need other factors
  size_t rows_ = 0;           // of the step, as far as it is known
  std::vector<DraftModel::Proposal> proposals_;
};

}  // namespace llm
