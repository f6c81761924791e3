#include "engine/drafting/speculative_decoder.h"

#include <algorithm>
#include <utility>

namespace llm {

SpeculativeDecoder::SpeculativeDecoder(Runner& runner, StepSampler& sampler, std::unique_ptr<DraftModel> draft_model)
    : runner_(runner),
      sampler_(sampler),
      draft_model_(std::move(draft_model)),
      can_trim_(runner.info().can_trim),
      computes_many_(runner.info().continued_tokens == 0),
      border_(runner.info().long_rope_border) {
  proposals_.reserve(runner.info().max_sequences);
}

bool SpeculativeDecoder::look_up(std::span<Sequence* const> decoding, const StepCosts& costs) {
  if (!can_trim_) return false;
  rows_ = decoding.size();
  proposals_.clear();
  for (Sequence* sequence : decoding) {
    if (sequence->beam) continue;
    const auto& tokens = sequence->tokens;
    const size_t wanted = sequence->max_length() - tokens.size();
    if (wanted <= 1) continue;
    const size_t limit = std::min(std::min(wanted, TokenList::kMost) - 1, border_.room(tokens.size()));
    if (limit == 0) continue;
    if (sequence->lookup &&
        put(*sequence, sequence->lookup->propose(tokens, limit, rows_, costs), DraftSource::kPromptLookup)) {
      rows_ += sequence->drafts;
    } else if (draft_model_) {
      proposals_.push_back(
          {.id = sequence->id, .tokens = tokens, .max_length = sequence->max_length(), .limit = limit, .drafts = {}});
    }
  }
  return !proposals_.empty();
}

void SpeculativeDecoder::ask_draft_model(std::span<Sequence* const> decoding, const StepCosts& costs) {
  draft_model_->propose(proposals_, rows_, costs);
  auto sequence = decoding.begin();
  for (const auto& proposal : proposals_) {
    while ((*sequence)->id != proposal.id) ++sequence;
    put(**sequence, proposal.drafts, DraftSource::kDraftModel);
  }
}

// As far as there is room. Drafts lie behind the true tokens, in memory that was reserved: what they are a view of
// stays where it is.
bool SpeculativeDecoder::put(Sequence& sequence, std::span<const Token> drafts, DraftSource source) {
  if (sequence.constraint) drafts = drafts.first(sequence.constraint->fitting(drafts));
  if (drafts.empty() || !runner_.reserve(sequence.id, sequence.tokens.size() + drafts.size())) return false;
  sequence.drafts = drafts.size();
  sequence.draft_source = source;
  for (const Token token : drafts) sequence.tokens.push_back(token);
  return true;
}

// Samples from the rows after the last true token and after each accepted draft. A draft is accepted when it is the
// token sampled before it: whatever was drafted, the tokens are those that would be sampled one by one.
StepOutput SpeculativeDecoder::verify(Sequence& sequence, const Rows& rows, size_t row) {
  const size_t first = sequence.tokens.size() - sequence.drafts;
  StepOutput output{{}, std::nullopt, std::exchange(sequence.drafts, 0), 0, {sequence.id, false, {}, {}, {}}};
  for (bool accepted = true; accepted && !output.reason;) {
    const size_t at = first + output.tokens.size();
    const auto logits = rows.row(row + output.tokens.size());
    const auto mask =
        sequence.constraint ? sequence.constraint->mask(output.tokens.size()) : std::span<const uint32_t>();
    Token token = sampler_.sample(sequence, at, logits, mask);
    if (sequence.constraint) token = sequence.constraint->accept(token);
    sampler_.note(sequence, token, logits, output.logprobs);
    accepted = output.accepted < output.drafted && sequence.tokens[at] == token;
    if (accepted) {
      ++output.accepted;
    } else {
      sequence.tokens.resize(at);
      sequence.tokens.push_back(token);
    }
    add(sequence, at, token, sequence.constraint && sequence.constraint->ended(), output);
  }
  sequence.tokens.resize(first + output.tokens.size());  // drafts behind a token that ends the answer
  if (output.drafted > 0) {
    sequence.computed = first + output.accepted;
    if (output.accepted < output.drafted) runner_.trim(sequence.id, sequence.computed);
    if (sequence.draft_source == DraftSource::kDraftModel) {
      draft_model_->verified(sequence.id, output.drafted, output.accepted);
    } else {
      sequence.lookup->verified(output.drafted, output.accepted);
    }
  }
  if (sequence.constraint && !output.reason) follow(sequence, output);
  return output;
}

// A token of the answer, at this place of the sequence. `ended`: nothing can follow in its grammar.
void SpeculativeDecoder::add(const Sequence& sequence, size_t at, Token token, bool ended, StepOutput& output) {
  const auto& stops = sequence.params.stop_token_ids;
  output.tokens.push_back(token);
  if (std::find(stops.begin(), stops.end(), token) != stops.end()) {
    output.reason = FinishReason::kStop;
  } else if (ended) {
    output.reason = FinishReason::kGrammar;
  } else if (at + 1 >= sequence.max_length()) {
    output.reason = FinishReason::kLength;
  }
}

// What must follow is taken without logits: the next step computes it in one span. Not where each token is reported
// with its log-probability, or where an option may ban it.
void SpeculativeDecoder::follow(Sequence& sequence, StepOutput& output) const {
  if (sequence.params.logprobs >= 0 || sequence.params.bans()) return;
  auto& tokens = sequence.tokens;
  const size_t most = std::min(TokenList::kMost - output.tokens.size(), sequence.max_length() - tokens.size());
  const auto forced = sequence.constraint->accept_forced(most);
  for (size_t i = 0; i < forced.size(); ++i) {
    tokens.push_back(forced[i]);
    const bool ended = i + 1 == forced.size() && sequence.constraint->ended();  // all of them were accepted
    add(sequence, tokens.size() - 1, forced[i], ended, output);
    if (output.reason) return;
    if (computes_many_) ++sequence.forced;
  }
}

}  // namespace llm
