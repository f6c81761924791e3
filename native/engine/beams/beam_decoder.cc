#include "engine/beams/beam_decoder.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "engine/beams/best_continuations.h"
#include "engine/sampling/log_probabilities.h"

namespace llm {

void BeamDecoder::take(LoadedModel& model, Sequence& sequence, std::span<const float> logits) {
  sequence.beam->logits.assign(logits.begin(), logits.end());
  take_late(model, sequence);
}

void BeamDecoder::take_late(LoadedModel& model, Sequence& sequence) {
  const auto search = sequence.beam->search;  // its beams may end
  if (!search->ready()) return;
  try {
    advance(model, *search);
  } catch (...) {
    auto& running = model.scheduler->running;
    const auto any = std::find_if(running.begin(), running.end(),
                                  [&](const auto& other) { return other.beam && other.beam->search == search; });
    if (any != running.end()) outcomes_.fail(running, any, current_failure(ERR_ENGINE));
  }
}

// Groups choose one after the other: each sees what those before it have chosen.
void BeamDecoder::advance(LoadedModel& model, BeamSearch& search) {
  std::vector<Token> chosen;
  Sequence* any = nullptr;
  for (auto& group : search.groups) {
    if (group.done) continue;
    BestContinuations best(group.candidates());
    for (const auto& running : group.running) {
      any = running.beam;
      const auto mask = any->constraint ? any->constraint->mask(0) : std::span<const uint32_t>();
      best.show(running, model.sampler->log_probabilities(*any, any->beam->logits, chosen, mask));
    }
    std::vector<Continuation> candidates(best.best().begin(), best.best().end());
    follow(group, candidates);
    group.step(candidates, any->generated() + 1);
    for (const auto& running : group.running) {
      model.sampler->check(running.token);
      chosen.push_back(running.token);
    }
    if (group.done) group.running.clear();
  }
  const auto now = Clock::now();
  auto& running = model.scheduler->running;
  for (auto& sequence : running) {
    if (!together(sequence, *any)) continue;
    sequence.last_token = now;
    if (sequence.first_token == Clock::time_point{}) sequence.first_token = now;
  }
  if (search.done()) {
    outcomes_.finish(find(running, any->id), search);
  } else {
    run_on(model, search);
  }
}

// The grammar behind each candidate that the group can take: of those that end, only the best count.
void BeamDecoder::follow(const BeamGroup& group, std::span<Continuation> best) const {
  size_t going = 0;
  for (size_t rank = 0; rank < best.size() && (rank < group.size() || going < group.size()); ++rank) {
    auto& one = best[rank];
    if (!one.beam->constraint || group.stops(one.token)) continue;
    one.constraint = std::make_shared<Constraint>(*one.beam->constraint);
    one.constraint->accept(one.token);
    one.ended = one.constraint->ended();
    if (!one.ended) ++going;
  }
}

// Makes the beams that run be what the search has chosen: the last one that goes on from a beam takes its place, those
// before are forked off. Beams that nothing goes on from leave first, so that there is place.
void BeamDecoder::run_on(LoadedModel& model, BeamSearch& search) {
  std::vector<Continuation*> next;
  for (auto& group : search.groups) {
    for (auto& running : group.running) next.push_back(&running);
  }
  const Sequence& kept = *next.front()->beam;
  outcomes_.drop_beams(kept, [&](const Sequence& beam) {
    return std::any_of(next.begin(), next.end(), [&](const auto* one) { return one->beam == &beam; });
  });
  double reprefill = 0;
  for (size_t i = 0; i < next.size(); ++i) {
    const auto* parent = next[i]->beam;
    reprefill = std::max(reprefill, parent->counts.reprefill);
    const bool forks = std::any_of(next.begin() + static_cast<std::ptrdiff_t>(i) + 1, next.end(),
                                   [parent](const auto* later) { return later->beam == parent; });
    if (forks) next[i]->beam = &fork(model, *parent);
  }
  for (const auto* one : next) {
    Sequence& sequence = *one->beam;
    if (sequence.params.logprobs >= 0) {
      add_log_probability(sequence.beam->logits, one->token, static_cast<size_t>(sequence.params.logprobs),
                          sequence.beam->logprobs);
    }
    sequence.beam->logits.clear();
    sequence.constraint = one->constraint;
    sequence.tokens.push_back(one->token);
    sequence.counts.reprefill = reprefill;
  }
  Sequence& first = *next.front()->beam;
  if (model.border.of(first.tokens.size()) != first.rope) {
    first.reprefill_begun = first.last_token;
    post_(Reprefill{search.first_wanted(), 0, static_cast<int64_t>(first.tokens.size())});
  }
}

Sequence& BeamDecoder::fork(LoadedModel& model, const Sequence& parent) {
  std::list<Sequence> list;
  auto& child = list.emplace_back(parent.fork(next_id_--));
  model.runner->fork(parent.id, child.id, child.max_length());
  child.status = Status::kRunning;
  model.scheduler->join(list);
  return child;
}

}  // namespace llm
