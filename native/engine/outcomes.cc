#include "engine/outcomes.h"

#include <algorithm>
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

// Metrics are published before the end is reported.
AnswerGroup Outcomes::take_out(Sequences& list, Sequences::iterator sequence) {
  if (model_) {
    if (sequence->status == Status::kRunning) model_->runner->drop(sequence->id);
    model_->speculative_decoder->drop(sequence->id);
  }
  AnswerGroup group = std::move(sequence->group);
  list.erase(sequence);
  if (model_) metrics_.publish(*model_->scheduler, *model_->runner);
  return group;
}

void Outcomes::finish(Sequences& list, Sequences::iterator sequence, FinishReason reason) {
  const SequenceId id = sequence->id;
  const Timings timings = timings_of(*sequence, reason);
  const AnswerGroup group = take_out(list, sequence);
  post_(Finished{id, reason, timings});
  for (const auto& answer : group) post_(Finished{answer.id, reason, {}});
}

void Outcomes::fail(Sequences& list, Sequences::iterator sequence, const Failure& failure) {
  const SequenceId id = sequence->id;
  const AnswerGroup group = take_out(list, sequence);
  post_(Failed{id, failure.code(), failure.what()});
  for (const auto& answer : group) post_(Failed{answer.id, failure.code(), failure.what()});
}

void Outcomes::fail(SequenceId id, const Failure& failure) {
  for (auto* list : {&model_->scheduler->running, &model_->scheduler->waiting}) {
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
  for (auto* list : {&model_->scheduler->running, &model_->scheduler->waiting}) {
    for (auto sequence = list->begin(); sequence != list->end(); ++sequence) {
      if (sequence->group.remove(id)) {
        post_(Finished{id, FinishReason::kCancelled, {}});
        return;
      }
      if (sequence->id != id) continue;
      if (!sequence->group.empty()) {  // the next answer takes its place in the queue
        Sequences heir;
        heir.push_back(sequence->next_answer());
        sequence->group.take_first();
        std::swap(heir.front().group, sequence->group);
        model_->scheduler->add(heir, heir.begin());
      }
      finish(*list, sequence, FinishReason::kCancelled);
      return;
    }
  }
}

}  // namespace llm
