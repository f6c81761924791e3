#include "engine/loop.h"

#include <algorithm>
#include <utility>

#include "engine/precision_fallback.h"
#include "engine/sampling/log_probabilities.h"

namespace llm {

EngineLoop::EngineLoop(EngineConfig config, RunnerFactory factory, EventSink post, GrammarCompilerFactory grammars,
                       Clock::duration quiet)
    : config_(std::move(config)),
      factory_(std::move(factory)),
      post_(std::move(post)),
      quiet_(quiet),
      grammars_(std::move(grammars), [this] { mailbox_.nudge(); }),
      thread_([this] { run(); }) {}

EngineLoop::~EngineLoop() {
  stop();
  thread_.join();
}

void EngineLoop::submit(Request request) {
  std::shared_ptr<Compilation> compilation;
  auto grammar = std::exchange(request.params.grammar, {});
  auto marks = std::exchange(request.params.marks, {});
  if (!grammar.none() || marks.limit_reasoning()) {
    compilation = grammars_.compile(std::move(grammar), std::move(marks), request.ids.size());
  }
  const auto now = Clock::now();
  std::list<Sequence> sequences;
  auto& first = sequences.emplace_back(request.ids.front(), std::move(request.prompt), request.params, now);
  first.compilation = std::move(compilation);
  first.rank =
      std::chrono::duration<double>(now - begun_).count() - Scheduler::kSecondsPerPriority * first.params.priority;
  if (first.params.num_beams > 1) {
    first.beam = Beam{std::make_shared<BeamSearch>(first.params, std::move(request.ids)), {}, {}};
    first.beam->search->begin(first);
  } else {
    for (size_t i = 1; i < request.ids.size(); ++i) {
      first.group.add({request.ids[i], request.params.seed + static_cast<uint32_t>(i), nullptr});
    }
  }
  mailbox_.submit(std::move(sequences));
}

Metrics EngineLoop::metrics() const {
  Metrics metrics = metrics_.read();
  metrics.waiting += static_cast<int64_t>(mailbox_.submitted());
  return metrics;
}

void EngineLoop::run() {
  load();
  if (model_) serve();
  if (failures_.cause_of_death()) {
    outcomes_.attach(nullptr);
    model_.reset();  // its memory is free while the dead engine waits to be closed
    refuse_requests();
  } else {
    cancel_requests();
    outcomes_.attach(nullptr);
    model_.reset();  // on this thread, and before anybody is told that its memory is free
  }
  grammars_.stop();  // before anybody joins this thread, which then does not wait
  post_(Closed{});
  ended_ = true;
}

// Leaves model_ empty when it fails.
void EngineLoop::load() {
  try {
    model_ = Lifecycle(config_, factory_, post_, mailbox_).open();
    outcomes_.attach(model_.get());
    metrics_.publish(*model_->scheduler, *model_->runner);
    post_(Ready{model_->info, model_->warmup_ms});
  } catch (...) {
    const Failure failure = current_failure(ERR_ENGINE);
    if (!mailbox_.stopping()) failures_.die(nullptr, failure);
  }
}

// Until the engine is stopped or dead.
void EngineLoop::serve() {
  const auto& scheduler = *model_->scheduler;
  bool kept = false;
  auto quiet_since = Clock::now();
  while (!failures_.cause_of_death()) {
    if (!kept && metrics_.counts.steps > 0 && scheduler.idle()) {
      kept = true;
      model_->runner->keep();
    }
    const bool warms = warms_up();
    auto mail = warms ? mailbox_.take_until(quiet_since + quiet_) : mailbox_.take(stalled_ || scheduler.idle());
    const bool quiet = mail.none();
    if (!quiet) quiet_since = Clock::now();
    if (mail.stopping) return outcomes_.cancel_all(mail.submitted);
    receive(mail.submitted);
    for (SequenceId id : mail.cancelled) outcomes_.cancel(id);
    take_compiled();
    stalled_ = false;
    const bool warming = warms && quiet && Clock::now() >= quiet_since + quiet_;
    if (scheduler.idle() && !warming) continue;
    try {
      warming ? warm_up() : step();
      failures_.step_succeeded();
    } catch (const Interrupted&) {
      return;  // stopping
    } catch (const NonFinite&) {
      failures_.compute_again(*model_);
    } catch (...) {
      const Failure failure = current_failure(ERR_ENGINE);
      if (warming) warm_up_failed(failure);
      failures_.step_failed(*model_, failure);
    }
    metrics_.publish(scheduler, *model_->runner);
  }
}

// Whether the warm-up may go on now. Not once a request was computed: the steps would empty the cache that it has
// filled, and show no more than its own steps do.
bool EngineLoop::warms_up() const {
  const auto& scheduler = *model_->scheduler;
  return model_->warm_up.sizes() > 0 && metrics_.counts.steps == 0 && scheduler.idle() && scheduler.compiling.empty();
}

void EngineLoop::warm_up() { model_->warm_up.step(*model_->runner, &model_->costs, mailbox_); }

// No request's step has failed. It counts as one, so the engine is dead when the next step fails too.
void EngineLoop::warm_up_failed(const Failure& failure) {
  model_->warm_up = {};
  post_(Warning{"warm-up",
                config_.model_path + ": a step of the warm-up failed, and the others are left out: " + failure.what()});
}

// A dead engine answers every request with the cause of its death, until it is stopped.
void EngineLoop::refuse_requests() {
  for (bool stopping = false; !stopping;) {
    auto mail = mailbox_.take(true);
    stopping = mail.stopping;
    outcomes_.fail_all(mail.submitted, *failures_.cause_of_death());
  }
}

void EngineLoop::cancel_requests() {
  if (model_) {
    for (auto* list : model_->scheduler->lists()) outcomes_.cancel_all(*list);
  }
  auto mail = mailbox_.take(false);
  outcomes_.cancel_all(mail.submitted);
}

// Lets in what can be computed; what never can fails before it runs.
void EngineLoop::receive(std::list<Sequence>& submitted) {
  while (!submitted.empty()) {
    const auto sequence = submitted.begin();
    if (const auto refusal = model_->refusal(*sequence)) {
      outcomes_.fail(submitted, sequence, *refusal);
    } else if (sequence->compilation) {
      auto& compiling = model_->scheduler->compiling;
      compiling.splice(compiling.end(), submitted, sequence);
    } else {
      let_in(submitted, sequence);
    }
  }
}

void EngineLoop::let_in(std::list<Sequence>& from, std::list<Sequence>::iterator sequence) {
  metrics_.counts.prompt_tokens += static_cast<int64_t>(sequence->prompt);
  model_->scheduler->add(from, sequence);
}

// Nothing is computed for a request whose grammar is not sound.
void EngineLoop::take_compiled() {
  auto& compiling = model_->scheduler->compiling;
  for (auto next = compiling.begin(); next != compiling.end();) {
    const auto sequence = next++;
    if (!sequence->compilation->done) continue;
    const auto compilation = std::exchange(sequence->compilation, nullptr);
    if (compilation->failure) {
      outcomes_.fail(compiling, sequence, *compilation->failure);
      continue;
    }
    auto constraint = compilation->constraints.begin();  // answers may have been cancelled meanwhile
    sequence->constraint = *constraint++;
    for (auto& answer : sequence->group) answer.constraint = *constraint++;
    let_in(compiling, sequence);
  }
}

void EngineLoop::step() {
  auto& scheduler = *model_->scheduler;
  take_held();
  draft(scheduler.make_room());
  const auto spans = scheduler.plan();
  if (spans.empty()) {
    stalled_ = std::ranges::any_of(scheduler.running, [](auto& sequence) {
      return sequence.held || (sequence.beam && sequence.constraint && !sequence.constraint->ready());
    });
    return;
  }
  start_masks(spans);
  const Rows rows = compute(spans);
  size_t row = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    Sequence& sequence = *scheduler.stepping()[i];
    sequence.computed += spans[i].tokens.size();
    sequence.forced = 0;
    if (sequence.reprefill_begun) note_reprefill(sequence);
    take(sequence, spans[i], rows, row);
    row += spans[i].rows;
  }
}

Rows EngineLoop::compute(std::span<const Span> spans) {
  size_t tokens = 0;
  for (const auto& span : spans) tokens += span.tokens.size();
  const auto begin = Clock::now();
  Rows rows;
  mailbox_.interruptible([this] { model_->runner->interrupt(); },
                         [&] {
                           model_->runner->start(spans);
                           rows = model_->runner->wait();
                         });
  const double took = milliseconds(Clock::now() - begin);
  model_->costs.learn(tokens, took);
  model_->scheduler->took(took);
  ++metrics_.counts.steps;
  return rows;
}

// Puts drafts behind the tokens of decoding sequences.
void EngineLoop::draft(std::span<Sequence* const> decoding) {
  auto& decoder = *model_->speculative_decoder;
  if (!decoder.look_up(decoding, model_->costs)) return;
  mailbox_.interruptible([&decoder] { decoder.interrupt(); },
                         [&] { decoder.ask_draft_model(decoding, model_->costs); });
  if (const auto failure = decoder.take_failure()) {
    post_(Warning{"draft-model", std::string("the draft model failed, decoding goes on without: ") + failure->what()});
  }
}

// Masks are made while the runner computes.
void EngineLoop::start_masks(std::span<const Span> spans) {
  for (size_t i = 0; i < spans.size(); ++i) {
    Sequence& sequence = *model_->scheduler->stepping()[i];
    if (!sequence.constraint || sequence.params.max_new_tokens == 0) continue;
    if (sequence.computed + spans[i].tokens.size() < sequence.tokens.size()) continue;
    grammars_.start_masks(*sequence.constraint, std::span<const Token>(sequence.tokens).last(sequence.drafts));
  }
}

// Takes what the rows of a sequence's span, from `row` on, say. May end the sequence and invalidate the reference.
void EngineLoop::take(Sequence& sequence, const Span& span, const Rows& rows, size_t row) {
  auto& running = model_->scheduler->running;
  if (sequence.reports() && span.rows > 0) {
    try {
      post_(prompt_log_probabilities(sequence, span, rows, row));
    } catch (...) {
      outcomes_.fail(running, find(running, sequence.id), current_failure(ERR_ENGINE));
      return;
    }
  }
  if (sequence.left() > 0) return;
  if (sequence.params.max_new_tokens == 0) {  // only its prompt was wanted
    outcomes_.finish(running, find(running, sequence.id), FinishReason::kLength);
    return;
  }
  const size_t sampled = row + span.rows - (1 + sequence.drafts);
  if (sequence.beam) return beam_decoder_.take(*model_, sequence, rows.row(sampled));
  if (!sequence.constraint || sequence.constraint->ready()) {
    take_answer(sequence, rows, sampled);
    return;
  }
  const float* const begin = rows.row(sampled).data();
  sequence.held.emplace(std::vector(begin, begin + (1 + sequence.drafts) * rows.width), rows.width);
}

// The masks of these came later than their rows. That delays nobody else.
void EngineLoop::take_held() {
  take_late_beams();
  auto& running = model_->scheduler->running;
  for (auto next = running.begin(); next != running.end();) {
    Sequence& sequence = *next++;
    if (!sequence.held || !sequence.constraint->ready()) continue;
    const SequenceId id = sequence.id;
    const auto held = *std::exchange(sequence.held, std::nullopt);
    try {
      take_answer(sequence, {held.logits.data(), held.logits.size() / held.width, held.width}, 0);
    } catch (...) {
      outcomes_.fail(id, current_failure(ERR_ENGINE));  // it is not of the step that comes
    }
  }
}

// One search at a time: its beams change while it goes on.
void EngineLoop::take_late_beams() {
  const auto late = [](const Sequence& sequence) {
    return sequence.beam && sequence.constraint && !sequence.beam->logits.empty() && sequence.beam->search->ready();
  };
  auto& running = model_->scheduler->running;
  for (;;) {
    const auto found = std::ranges::find_if(running, late);
    if (found == running.end()) return;
    beam_decoder_.take_late(*model_, *found);
  }
}

void EngineLoop::take_answer(Sequence& sequence, const Rows& rows, size_t row) {
  fork_group(sequence, rows, row);
  accept(sequence, rows, row);
}

// Takes what the rows from `row` on say about the answer. May end the sequence and invalidate the reference.
void EngineLoop::accept(Sequence& sequence, const Rows& rows, size_t row) {
  auto& running = model_->scheduler->running;
  const auto place = find(running, sequence.id);
  StepOutput output;
  try {
    output = model_->speculative_decoder->verify(sequence, rows, row);
  } catch (...) {
    outcomes_.fail(running, place, current_failure(ERR_ENGINE));
    return;
  }
  auto& counts = metrics_.counts;
  const auto drafted = static_cast<int64_t>(output.drafted), accepted = static_cast<int64_t>(output.accepted);
  for (int64_t* count : {&sequence.counts.draft_tokens, &counts.draft_tokens}) *count += drafted;
  for (int64_t* count : {&sequence.counts.accepted_tokens, &counts.accepted_tokens}) *count += accepted;
  counts.generated_tokens += static_cast<int64_t>(output.tokens.size());
  sequence.last_token = Clock::now();
  if (sequence.first_token == Clock::time_point{}) sequence.first_token = sequence.last_token;
  if (!output.logprobs.values.empty()) post_(std::move(output.logprobs));
  post_(Tokens{sequence.id, output.tokens});
  if (output.reason) {
    outcomes_.finish(running, place, *output.reason);
  } else if (model_->border.of(sequence.tokens.size()) != sequence.rope) {
    sequence.reprefill_begun = sequence.last_token;
    post_(Reprefill{sequence.id, 0, static_cast<int64_t>(sequence.tokens.size())});
  }
}

// The other answers to a prompt that has just been computed begin with the same row.
void EngineLoop::fork_group(Sequence& sequence, const Rows& rows, size_t row) {
  auto& scheduler = *model_->scheduler;
  while (!sequence.group.empty()) {
    std::list<Sequence> list;
    auto& child = list.emplace_back(sequence.next_answer());
    const bool forks = model_->info.can_fork && scheduler.has_place();
    if (forks) {
      child.begin(sequence.started, static_cast<size_t>(config_.draft_tokens));
      model_->runner->fork(sequence.id, child.id, child.max_length());
    }
    sequence.group.take_first();  // not before: what throws above fails the whole group
    if (!forks) {
      scheduler.add(list, list.begin());  // finds the prompt in the cache
      continue;
    }
    child.counts.cached_tokens = sequence.counts.cached_tokens;
    child.computed = sequence.computed;
    child.rope = sequence.rope;
    if (child.constraint) child.constraint->share_masks(*sequence.constraint);
    child.status = Status::kRunning;
    scheduler.join(list);
    accept(child, rows, row);
  }
}

void EngineLoop::note_reprefill(Sequence& sequence) {
  if (sequence.left() == 0) {
    sequence.counts.reprefill = milliseconds(Clock::now() - *std::exchange(sequence.reprefill_begun, std::nullopt));
  }
  const SequenceId id = sequence.beam ? sequence.beam->search->first_wanted() : sequence.id;
  post_(Reprefill{id, static_cast<int64_t>(sequence.computed), static_cast<int64_t>(sequence.tokens.size())});
}

}  // namespace llm
