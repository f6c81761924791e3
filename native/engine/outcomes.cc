#include "engine/outcomes.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace llm {
namespace {

Timings timings_of(const Sequence& sequence, FinishReason reason) {
  Timings timings = sequence.counts;
  if (sequence.started != Clock::time_point{}) timings.queued = milliseconds(sequence.started - sequence.submitted);
  if (sequence.generated() > 0) {
    timings.prefill = milliseconds(sequence.first_token - sequence.started);
    timings.decode = milliseconds(sequence.last_token - sequence.first_token);
  } else if (reason == FinishReason::kLength) {
    timings.prefill = milliseconds(Clock::now() - sequence.started);
  }
  return timings;
}

// The runner knows nothing of them any more.
void forget(std::list<Sequence>& list) {
  for (auto& sequence : list) sequence.status = Status::kWaiting;
}

}  // namespace

Outcomes::Sequences::iterator Outcomes::erase(Sequences& list, Sequences::iterator sequence) {
  if (model_) {
    if (sequence->status == Status::kRunning) model_->runner->drop(sequence->id);
    model_->speculative_decoder->drop(sequence->id);
  }
  return list.erase(sequence);
}

// Gives the ids of all answers that end. Metrics are published before the end is reported.
std::vector<SequenceId> Outcomes::take_out(Sequences& list, Sequences::iterator sequence) {
  std::vector<SequenceId> ids;
  if (sequence->beam) {
    ids = sequence->beam->search->answers();
    std::erase(ids, BeamSearch::kCancelled);
    drop_beams(*sequence, [&](const Sequence& beam) { return &beam == &*sequence; });
  } else {
    ids.push_back(sequence->id);
  }
  for (const auto& answer : sequence->group) ids.push_back(answer.id);
  erase(list, sequence);
  if (model_) metrics_.publish(*model_->scheduler, *model_->runner);
  return ids;
}

void Outcomes::drop_beams(const Sequence& one, const std::function<bool(const Sequence&)>& kept) {
  if (!model_) return;
  for (auto* list : {&model_->scheduler->running, &model_->scheduler->waiting}) {
    for (auto next = list->begin(); next != list->end();) {
      next = together(*next, one) && !kept(*next) ? erase(*list, next) : std::next(next);
    }
  }
}

void Outcomes::finish(Sequences& list, Sequences::iterator sequence, FinishReason reason) {
  const bool search = sequence->beam.has_value();
  const Timings timings = timings_of(*sequence, reason);
  const auto ids = take_out(list, sequence);
  for (size_t i = 0; i < ids.size(); ++i) post_(Finished{ids[i], reason, search || i == 0 ? timings : Timings{}});
}

void Outcomes::finish(Sequences::iterator sequence, BeamSearch& search) {
  std::vector<Hypothesis> best;
  for (auto& group : search.groups) std::move(group.ended.begin(), group.ended.end(), std::back_inserter(best));
  std::stable_sort(best.begin(), best.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  const auto ids = search.answers();
  auto& running = model_->scheduler->running;
  if (best.size() < ids.size()) {
    return fail(running, sequence,
                {ERR_NO_TOKEN, "the beam search found " + std::to_string(best.size()) + " answers and was asked for " +
                                   std::to_string(ids.size()) + ": the options of the request ban all others"});
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] == BeamSearch::kCancelled) continue;
    metrics_.counts.generated_tokens += static_cast<int64_t>(best[i].tokens.size());
  }
  const Timings timings = timings_of(*sequence, FinishReason::kStop);
  take_out(running, sequence);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] == BeamSearch::kCancelled) continue;
    auto& [score, tokens, reason, logprobs] = best[i];
    logprobs.id = ids[i];
    if (!logprobs.values.empty()) post_(std::move(logprobs));
    post_(BeamAnswer{ids[i], std::move(tokens), score});
    post_(Finished{ids[i], reason, timings});
  }
}

void Outcomes::fail(Sequences& list, Sequences::iterator sequence, const Failure& failure) {
  for (const SequenceId id : take_out(list, sequence)) post_(Failed{id, failure.code(), failure.what()});
}

void Outcomes::fail(SequenceId id, const Failure& failure) {
  for (auto* list : model_->scheduler->lists()) {
    if (const auto found = find(*list, id); found != list->end()) fail(*list, found, failure);
  }
}

void Outcomes::fail_all(Sequences& list, const Failure& failure) {
  forget(list);
  while (!list.empty()) fail(list, list.begin(), failure);
}

void Outcomes::cancel_all(Sequences& list) {
  forget(list);
  while (!list.empty()) finish(list, list.begin(), FinishReason::kCancelled);
}

void Outcomes::cancel(SequenceId id) {
  for (auto* list : model_->scheduler->lists()) {
    for (auto sequence = list->begin(); sequence != list->end(); ++sequence) {
      if (sequence->group.remove(id)) {
        post_(Finished{id, FinishReason::kCancelled, {}});
        return;
      }
      if (sequence->beam) {
        auto& search = *sequence->beam->search;
        if (!search.has(id)) continue;
        if (search.wanted() > 1) {
          search.cancel(id);
          post_(Finished{id, FinishReason::kCancelled, {}});
        } else {
          finish(*list, sequence, FinishReason::kCancelled);
        }
        return;
      }
      if (sequence->id != id) continue;
      if (!sequence->group.empty()) {  // the next answer takes its place in the queue
        Sequences heir;
        heir.push_back(sequence->next_answer());
        sequence->group.take_first();
        std::swap(heir.front().group, sequence->group);
        if (heir.front().compilation) {
          list->splice(sequence, heir);
        } else {
          model_->scheduler->add(heir, heir.begin());
        }
      }
      finish(*list, sequence, FinishReason::kCancelled);
      return;
    }
  }
}

}  // namespace llm
