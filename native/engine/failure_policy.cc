#include "engine/failure_policy.h"

namespace llm {

void FailurePolicy::step_failed(LoadedModel& model, const Failure& failure) {
  if (last_) return die(&model, Failure(*last_));
  last_ = failure;
  auto& scheduler = *model.scheduler;
  // The runner takes nothing but reset() now.
  for (auto& sequence : scheduler.running) sequence.status = Status::kWaiting;
  try {
    model.runner->reset();
  } catch (...) {
    return die(&model, failure);
  }
  // By id: some of the step's sequences may have ended before it failed.
  for (const Span& span : scheduler.spans()) outcomes_.fail(span.sequence, failure);
  scheduler.preempt_all();
}

void FailurePolicy::compute_again(LoadedModel& model) {
  auto& scheduler = *model.scheduler;
  for (auto& sequence : scheduler.running) model.speculative_decoder->drop(sequence);
  scheduler.preempt_all();
  try {
    Lifecycle::reopen(model);
  } catch (...) {
    return die(&model, current_failure(ERR_ENGINE));
  }
  // The cache in the other precision may hold fewer tokens.
  for (auto next = scheduler.waiting.begin(); next != scheduler.waiting.end();) {
    if (const auto refusal = model.refusal(*next)) {
      outcomes_.fail(scheduler.waiting, next, *refusal);
      next = scheduler.waiting.begin();  // all beams of a search go
    } else {
      ++next;
    }
  }
}

void FailurePolicy::die(LoadedModel* model, const Failure& cause) {
  dead_ = cause;
  post_(Failed{0, cause.code(), cause.what()});
  if (!model) return;
  for (auto* list : model->scheduler->lists()) outcomes_.fail_all(*list, cause);
}

}  // namespace llm
