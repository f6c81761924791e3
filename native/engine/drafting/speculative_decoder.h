// Guesses of what comes next: put behind the tokens of decoding sequences before a step, judged by its rows after it.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/drafting/draft_model.h"
#include "engine/event.h"
#include "engine/runner.h"
#include "engine/scheduling/step_costs.h"
#include "engine/sequence.h"

namespace llm {

// Engine thread only, but for interrupt().
class SpeculativeDecoder {
 public:
  // What a step added to an answer.
  struct Verification {
    Tokens tokens;
    std::optional<FinishReason> reason;  // when it is complete
    size_t guessed = 0;
    size_t right = 0;  // of the guesses
  };

  // `drafter` is null without a draft model. No token that is sampled may lie outside `vocabulary`.
  SpeculativeDecoder(Runner& runner, std::unique_ptr<DraftModel> drafter, size_t vocabulary);

  // Guesses from the sequences' own texts. True when the draft model is to be asked for others.
  bool look_up(std::span<Sequence* const> decoding, const StepCosts& costs);
  // Guesses of the draft model, for the same sequences. Throws Interrupted.
  void ask_model(std::span<Sequence* const> decoding, const StepCosts& costs);
  // Any thread; of ask_model().
  void interrupt() noexcept { drafter_->interrupt(); }
  // The draft model's newest failure, once.
  std::optional<Failure> take_failure() { return drafter_->take_failure(); }

  // Takes the tokens that a step's rows, from `row` on, say. Throws Failure, and the sequence is to be given up.
  Verification verify(Sequence& sequence, const Rows& rows, size_t row);

  // Takes back what was put behind the tokens, and the draft model's part of the sequence.
  void drop(Sequence& sequence) noexcept {
    sequence.tokens.resize(sequence.tokens.size() - std::exchange(sequence.drafts, 0));
    sequence.drafted = false;
    drop(sequence.id);
  }

  // Idempotent.
  void drop(SequenceId id) noexcept {
    if (drafter_) drafter_->drop(id);
  }

 private:
  bool put(Sequence& sequence, std::span<const Token> tokens);
  Token sample(Sequence& sequence, std::span<const float> logits);

  Runner& runner_;
  const std::unique_ptr<DraftModel> drafter_;
  const size_t vocabulary_;
  const bool can_draft_;
  const RopeBorder border_;  // no guess crosses it: its rows would need other factors
  size_t rows_ = 0;          // of the step, as far as it is known
  std::vector<DraftModel::Proposal> proposals_;
};

}  // namespace llm
