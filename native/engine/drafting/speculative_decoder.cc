#include "engine/drafting/speculative_decoder.h"

#include <algorithm>
#include <string>
#include <utility>

namespace llm {

SpeculativeDecoder::SpeculativeDecoder(Runner& runner, std::unique_ptr<DraftModel> drafter, size_t vocabulary)
    : runner_(runner),
      drafter_(std::move(drafter)),
      vocabulary_(vocabulary),
      can_draft_(runner.info().can_draft),
      border_(runner.info().rope_border) {
  proposals_.reserve(runner.info().max_sequences);
}

bool SpeculativeDecoder::look_up(std::span<Sequence* const> decoding, const StepCosts& costs) {
  if (!can_draft_) return false;
  rows_ = decoding.size();
  proposals_.clear();
  for (Sequence* sequence : decoding) {
    const size_t wanted = sequence->max_length() - sequence->tokens.size();
    if (wanted <= 1) continue;
    const size_t limit = std::min(std::min(wanted, TokenList::kMost) - 1, border_.room(sequence->tokens.size()));
    if (limit == 0) continue;
    if (sequence->lookup && put(*sequence, sequence->lookup->propose(sequence->tokens, limit, rows_, costs))) {
      rows_ += sequence->drafts;
    } else if (drafter_) {
      proposals_.push_back({.id = sequence->id,
                            .tokens = sequence->tokens,
                            .max_length = sequence->max_length(),
                            .limit = limit,
                            .guess = {}});
    }
  }
  return !proposals_.empty();
}

void SpeculativeDecoder::ask_model(std::span<Sequence* const> decoding, const StepCosts& costs) {
  drafter_->propose(proposals_, rows_, costs);
  auto sequence = decoding.begin();
  for (const auto& proposal : proposals_) {
    while ((*sequence)->id != proposal.id) ++sequence;
    (*sequence)->drafted = put(**sequence, proposal.guess);
  }
}

// As far as there is room. Guesses lie behind the true tokens, in memory that was reserved: what they are a view of
// stays where it is.
bool SpeculativeDecoder::put(Sequence& sequence, std::span<const Token> tokens) {
  if (tokens.empty() || !runner_.reserve(sequence.id, sequence.tokens.size() + tokens.size())) return false;
  sequence.drafts = tokens.size();
  for (const Token token : tokens) sequence.tokens.push_back(token);
  return true;
}

Token SpeculativeDecoder::sample(Sequence& sequence, std::span<const float> logits) {
  const Token token = sequence.sampler.sample(logits);
  if (static_cast<size_t>(token) >= vocabulary_) {
    // Rows of logits may be wider than the embedding table, which does not check what is looked up.
    throw Failure(ERR_TOKEN_ID, "the model chose token " + std::to_string(token) +
                                    ", but its embedding table ends at " + std::to_string(vocabulary_ - 1));
  }
  return token;
}

// Samples from the rows after the last true token and after each guess that is the token sampled before it: whatever
// was guessed, the tokens are those that would be sampled one by one.
SpeculativeDecoder::Verification SpeculativeDecoder::verify(Sequence& sequence, const Rows& rows, size_t row) {
  const auto& stops = sequence.params.stop_token_ids;
  const size_t first = sequence.tokens.size() - sequence.drafts;
  Verification verification{{sequence.id, {}}, std::nullopt, std::exchange(sequence.drafts, 0), 0};
  TokenList& tokens = verification.tokens.tokens;
  for (bool verified = true; verified && !verification.reason;) {
    const size_t at = first + tokens.size();
    const Token token = sample(sequence, rows.row(row + tokens.size()));
    tokens.push_back(token);
    verified = verification.right < verification.guessed && sequence.tokens[at] == token;
    if (verified) {
      ++verification.right;
    } else {
      sequence.tokens.resize(at);
      sequence.tokens.push_back(token);
    }
    if (std::find(stops.begin(), stops.end(), token) != stops.end()) {
      verification.reason = FinishReason::kStop;
    } else if (at + 1 >= sequence.max_length()) {
      verification.reason = FinishReason::kLength;
    }
  }
  sequence.tokens.resize(first + tokens.size());  // guesses behind a token that ends the answer
  if (verification.guessed > 0) {
    sequence.computed = first + verification.right;
    if (verification.right < verification.guessed) runner_.trim(sequence.id, sequence.computed);
    if (std::exchange(sequence.drafted, false)) {
      drafter_->verified(sequence.id, verification.guessed, verification.right);
    } else {
      sequence.lookup->verified(verification.guessed, verification.right);
    }
  }
  return verification;
}

}  // namespace llm
