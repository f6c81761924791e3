#include "engine/drafting/draft_model.h"

#include <algorithm>
#include <stdexcept>

#include "engine/clock.h"

namespace llm {
namespace {

constexpr double kPriorAccepted = 0.8;  // of drafts, before any was verified
constexpr double kPriorVerified = 8;
constexpr double kMemory = 64;  // drafts
constexpr size_t kPatience = 16, kMostPatience = 512;
constexpr size_t kProbe = 2;  // drafts, to see whether it pays by now

}  // namespace

DraftModel::DraftModel(std::unique_ptr<Runner> runner, size_t prefill_chunk, size_t max_tokens, size_t vocabulary)
    : runner_(std::move(runner)),
      prefill_chunk_(prefill_chunk),
      max_tokens_(max_tokens),
      accepted_(kPriorAccepted * kPriorVerified),
      verified_(kPriorVerified),
      patience_(kPatience) {
  const RunnerInfo info = runner_->info();
  if (!info.can_trim) throw std::logic_error("a draft model's runner must be able to trim");
  draft_vocabulary_ = static_cast<size_t>(info.model.vocabulary_size);
  vocabulary_ = std::min(vocabulary, draft_vocabulary_);
  max_sequences_ = info.max_sequences;
  border_ = RopeBorder(info.long_rope_border);
}

void DraftModel::propose(std::span<Proposal> proposals, size_t rows, const StepCosts& costs) {
  for (auto& proposal : proposals) proposal.drafts = {};
  if (dead_ || proposals.empty()) return;
  const bool wanted =
      std::any_of(proposals.begin(), proposals.end(), [](auto& proposal) { return proposal.limit > 0; });
  const size_t drafts = wanted ? depth(proposals, rows, costs) : 0;
  if (wanted && drafts == 0) return;
  try {
    draft(proposals, drafts);
    failures_in_row_ = 0;
  } catch (const Interrupted&) {
    dead_ = true;
    throw;
  } catch (...) {
    failed();
    for (auto& proposal : proposals) proposal.drafts = {};
  }
}

// How many drafts for each sequence make the most tokens per millisecond, as in PromptLookup, with the draft model's
// own steps in the price. Unlike there nothing is learned while nothing is drafted: it is tried again now and then.
size_t DraftModel::depth(std::span<const Proposal> proposals, size_t rows, const StepCosts& costs) {
  size_t most = 0;
  size_t drafting = 0;
  for (const auto& proposal : proposals) {
    most = std::max(most, std::min(proposal.limit, max_tokens_));
    drafting += proposal.limit > 0 ? 1 : 0;
  }
  const double quiet = costs.of(rows);
  if (quiet == 0) return most;
  double best = static_cast<double>(rows) / quiet;
  size_t count = 0;
  size_t step_rows = rows;
  double likely = 1;
  double gain = 0;
  for (size_t draft = 1; draft <= most; ++draft) {
    const auto here = static_cast<size_t>(
        std::count_if(proposals.begin(), proposals.end(), [&](auto& proposal) { return proposal.limit >= draft; }));
    likely *= accepted_ / verified_;
    gain += static_cast<double>(here) * likely;
    step_rows += here;
    const double cost = costs.of(step_rows) + static_cast<double>(draft) * costs_.of(drafting);
    const double rate = (static_cast<double>(rows) + gain) / cost;
    if (rate <= best) continue;
    best = rate;
    count = draft;
  }
  if (count > 0) {
    patience_ = kPatience;
    idle_ = 0;
  } else if (++idle_ >= patience_) {
    patience_ = std::min(2 * patience_, kMostPatience);
    idle_ = 0;
    count = std::min(kProbe, most);
  }
  return count;
}

void DraftModel::draft(std::span<Proposal> proposals, size_t depth) {
  ready_.clear();
  // Where the border is the model's own, all are on the same side of it. If not, some get no draft now.
  const Rope rope = border_.of(proposals.front().tokens.size());
  for (auto& proposal : proposals) {
    if (border_.of(proposal.tokens.size()) != rope) continue;
    if (Sequence* sequence = prepare(proposal, depth)) ready_.push_back({sequence, &proposal});
  }
  spans_.clear();
  stepping_.clear();
  add_known(ready_);
  while (!spans_.empty()) {
    compute();
    spans_.clear();
    std::erase_if(stepping_, [](const Stepping& stepping) {
      const Sequence& sequence = *stepping.sequence;
      return sequence.drafts.empty() || sequence.drafts.size() >= sequence.limit;
    });
    for (const auto& [sequence, proposal] : stepping_) {
      spans_.push_back({proposal->id, std::span(sequence->drafts).last(1), sequence->computed, 1});
    }
  }
  for (const auto& [sequence, proposal] : ready_) proposal->drafts = sequence->drafts;
}

// Admitted, without drafts from before, and with room for new ones; else nullptr. Room is made now and not later,
// because a runner may offer to other prompts what it holds when more room is asked for: drafts are not to be offered.
DraftModel::Sequence* DraftModel::prepare(const Proposal& proposal, size_t depth) {
  const auto& tokens = proposal.tokens;
  const Rope rope = border_.of(tokens.size());
  auto found = sequences_.find(proposal.id);
  if (found != sequences_.end() && !found->second.foreign && found->second.rope != rope) {
    drop(proposal.id);  // computed again
    found = sequences_.end();
  }
  if (found == sequences_.end()) {
    if (sequences_.size() >= max_sequences_) return nullptr;
    Sequence sequence;
    sequence.drafts.reserve(max_tokens_);
    const auto computed = runner_->admit(proposal.id, rope, tokens, proposal.max_length, 0);
    if (!computed) return nullptr;
    sequence.computed = *computed;
    sequence.rope = rope;
    found = sequences_.emplace(proposal.id, std::move(sequence)).first;
  }
  Sequence& sequence = found->second;
  if (sequence.foreign) return nullptr;
  settle(proposal.id, sequence, sequence.known);
  rewind(proposal.id, sequence, tokens.size() - 1);  // asked again about the same text: the last logits are wanted
  sequence.limit = std::min({proposal.limit, depth, max_tokens_, border_.room(tokens.size()),
                             proposal.max_length - std::min(tokens.size(), proposal.max_length)});
  sequence.known = tokens.size();
  // The embedding lookup does not check its index.
  for (Token token : tokens.subspan(sequence.computed)) {
    if (token >= 0 && static_cast<size_t>(token) < draft_vocabulary_) continue;
    runner_->drop(proposal.id);
    sequence.foreign = true;
    return nullptr;
  }
  // The last draft is not computed here.
  if (runner_->reserve(proposal.id, tokens.size() + std::max<size_t>(sequence.limit, 1) - 1)) return &sequence;
  drop(proposal.id);  // others may have what it holds
  return nullptr;
}

// Takes back the drafts that are not among the sequence's first `length` tokens.
void DraftModel::settle(SequenceId id, Sequence& sequence, size_t length) {
  if (!sequence.drafts.empty()) rewind(id, sequence, length);
  sequence.drafts.clear();
}

void DraftModel::rewind(SequenceId id, Sequence& sequence, size_t length) {
  if (sequence.computed <= length) return;
  runner_->trim(id, length);
  sequence.computed = length;
}

// The first step: what has become known since the last one, of those with few tokens first, so that a long prompt
// delays nobody. A prompt that does not fit goes on in the next call.
void DraftModel::add_known(std::span<Stepping> ready) {
  const auto left = [](const Stepping& stepping) {
    return stepping.proposal->tokens.size() - stepping.sequence->computed;
  };
  std::sort(ready.begin(), ready.end(), [&](const Stepping& a, const Stepping& b) { return left(a) < left(b); });
  size_t budget = prefill_chunk_;
  for (const auto& stepping : ready) {
    const size_t count = std::min(left(stepping), budget);
    if (count == 0) break;
    budget -= count;
    const Sequence& sequence = *stepping.sequence;
    const size_t rows = count == left(stepping) && sequence.limit > 0 ? 1 : 0;
    spans_.push_back(
        {stepping.proposal->id, stepping.proposal->tokens.subspan(sequence.computed, count), sequence.computed, rows});
    stepping_.push_back(stepping);
  }
}

// One step; a row becomes a draft.
void DraftModel::compute() {
  size_t tokens = 0;
  for (const auto& span : spans_) tokens += span.tokens.size();
  const auto begin = Clock::now();
  runner_->start(spans_);
  const Rows rows = runner_->wait();
  costs_.learn(tokens, milliseconds(Clock::now() - begin));
  size_t row = 0;
  for (size_t i = 0; i < spans_.size(); ++i) {
    Sequence& sequence = *stepping_[i].sequence;
    sequence.computed += spans_[i].tokens.size();
    if (spans_[i].rows > 0) sequence.drafts.push_back(likeliest(rows.row(row++)));
  }
}

// The lowest id wins a tie, as in Sampler. NaN only makes a bad draft.
Token DraftModel::likeliest(std::span<const float> logits) const {
  const auto known = logits.first(std::min(logits.size(), vocabulary_));
  return static_cast<Token>(std::max_element(known.begin(), known.end()) - known.begin());
}

void DraftModel::verified(SequenceId id, size_t proposed, size_t accepted) {
  const auto found = sequences_.find(id);
  if (dead_ || found == sequences_.end() || found->second.foreign || proposed == 0) return;
  const double tested = static_cast<double>(accepted + (accepted < proposed ? 1 : 0));
  const double kept = std::max(0.0, 1 - tested / kMemory);
  accepted_ = accepted_ * kept + static_cast<double>(accepted);
  verified_ = verified_ * kept + tested;
  if (accepted == proposed) idle_ = patience_ = kPatience;  // the next call may try it as well
  try {
    settle(id, found->second, found->second.known + accepted);
  } catch (...) {
    failed();
  }
}

void DraftModel::drop(SequenceId id) noexcept {
  const auto found = sequences_.find(id);
  if (found == sequences_.end()) return;
  if (!dead_ && !found->second.foreign) runner_->drop(id);
  sequences_.erase(found);
}

// Call inside a catch block.
void DraftModel::failed() {
  failure_ = current_failure(ERR_ENGINE);
  sequences_.clear();
  dead_ = ++failures_in_row_ >= 2;
  if (dead_) return;
  try {
    runner_->reset();
  } catch (...) {
    dead_ = true;
  }
}

}  // namespace llm
