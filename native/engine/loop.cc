#include "engine/loop.h"

#include <algorithm>
#include <utility>

#include "engine/precision_fallback.h"

namespace llm {
namespace {

double milliseconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::list<Sequence>::iterator find(std::list<Sequence>& list, SequenceId id) {
  return std::find_if(list.begin(), list.end(), [id](const Sequence& sequence) { return sequence.id == id; });
}

// The first of a sequence's siblings as a sequence of its own, with the others as its siblings.
Sequence first_sibling(const Sequence& sequence) {
  auto params = sequence.params;
  params.seed = sequence.siblings.front().seed;
  Sequence sibling(sequence.siblings.front().id, sequence.tokens, params, sequence.submitted);
  sibling.rank = sequence.rank;
  sibling.siblings.assign(sequence.siblings.begin() + 1, sequence.siblings.end());
  return sibling;
}

}  // namespace

EngineLoop::EngineLoop(EngineConfig config, RunnerFactory factory, EventSink post)
    : config_(std::move(config)), factory_(std::move(factory)), post_(std::move(post)), thread_([this] { run(); }) {}

EngineLoop::~EngineLoop() {
  stop();
  thread_.join();
}

void EngineLoop::submit(Request request) {
  const auto now = Clock::now();
  Sequences sequence;
  auto& first = sequence.emplace_back(request.ids.front(), std::move(request.prompt), request.params, now);
  first.rank =
      std::chrono::duration<double>(now - begun_).count() - Scheduler::kSecondsPerPriority * first.params.priority;
  for (size_t i = 1; i < request.ids.size(); ++i) {
    first.siblings.push_back({request.ids[i], request.params.seed + static_cast<uint32_t>(i)});
  }
  std::lock_guard lock(mutex_);
  inbox_.splice(inbox_.end(), sequence);
  wake_.notify_one();
}

void EngineLoop::cancel(SequenceId id) {
  std::lock_guard lock(mutex_);
  cancelled_.push_back(id);
  wake_.notify_one();
}

Metrics EngineLoop::metrics() const {
  std::lock_guard lock(mutex_);
  Metrics metrics = metrics_;
  metrics.waiting += static_cast<int64_t>(inbox_.size());
  return metrics;
}

void EngineLoop::stop() {
  std::lock_guard lock(mutex_);
  if (std::exchange(stopping_, true)) return;  // a runner is interrupted once
  wake_.notify_one();
  if (interrupt_) interrupt_();
}

void EngineLoop::run() {
  if (load()) serve();
  if (dead_) {
    close_runner();
    refuse_requests();
  } else {
    cancel_requests();
    close_runner();
  }
  post_(Closed{});
  ended_ = true;
}

// On this thread, and before anybody is told that the memory is free.
void EngineLoop::close_runner() {
  scheduler_.reset();
  guesses_.reset();
  runner_.reset();
}

// A dead engine answers every request with the cause of its death, until it is stopped.
void EngineLoop::refuse_requests() {
  for (bool stopping = false; !stopping;) {
    Mail mail = take_mail();
    stopping = mail.stopping;
    while (!mail.submitted.empty()) fail(mail.submitted, mail.submitted.begin(), *dead_);
  }
}

// The engine was stopped.
void EngineLoop::cancel_requests() {
  if (scheduler_) {
    cancel_all(scheduler_->running);
    cancel_all(scheduler_->waiting);
  }
  Mail mail = take_mail();
  cancel_all(mail.submitted);
}

// Told before the requests fail: whoever hears of their failure can know that the engine will take no other.
void EngineLoop::die(const Failure& cause) {
  dead_ = cause;
  post_(Failed{0, cause.code(), cause.what()});
  if (scheduler_) fail_all(cause);
}

// False when there is no runner to serve with: dead_ says why, unless it was stopped meanwhile.
bool EngineLoop::load() {
  try {
    runner_ = std::make_unique<PrecisionFallback>(config_, factory_, post_);
    const double warmup_ms = warm_up_finite();
    Ready ready{runner_->info(), warmup_ms};
    vocabulary_ = static_cast<size_t>(ready.info.model.vocabulary_size);
    kv_tokens_ = ready.info.kv_tokens;
    can_draft_ = ready.info.can_draft;
    border_ = RopeBorder(ready.info.rope_border);
    scheduler_.emplace(
        *runner_, Scheduler::Limits{.sequences = ready.info.max_sequences,
                                    .prefill_chunk = static_cast<size_t>(
                                        ready.info.wants_long_steps ? config_.stateful_chunk : config_.prefill_chunk),
                                    .guesses = static_cast<size_t>(config_.draft_tokens),
                                    .border = border_});
    guesses_.emplace(*runner_, config_.draft_model_path.empty() ? nullptr : open_draft_model(), vocabulary_);
    note_metrics();
    post_(std::move(ready));
    return true;
  } catch (...) {
    const Failure failure = current_failure(ERR_ENGINE);
    close_runner();
    if (!stopping()) die(failure);
    return false;
  }
}

std::unique_ptr<DraftModel> EngineLoop::open_draft_model() {
  EngineConfig config = config_;
  config.model_path = std::exchange(config.draft_model_path, {});
  config.packed_path.clear();  // it is the other model's
  config.rope_regime = "auto";
  auto runner = factory_(config, post_);
  for (const RunnerInfo& info : {runner_->info(), runner->info()}) {
    if (!info.can_draft) {
      throw Failure(ERR_UNSUPPORTED_MODEL, "a draft model needs the paged runner for both models, but one of them is " +
                                               info.runner + ": " + info.reason);
    }
  }
  warm_up(*runner, nullptr);
  return std::make_unique<DraftModel>(std::move(runner), static_cast<size_t>(config_.prefill_chunk),
                                      static_cast<size_t>(config_.draft_tokens), vocabulary_);
}

// The warm-up is the first to see logits.
double EngineLoop::warm_up_finite() {
  for (;;) {
    try {
      return warm_up(*runner_, &costs_);
    } catch (const NonFinite&) {
      costs_ = {};
      runner_->reset();
    }
  }
}

// Weights are repacked and kernels made during the first step of each size: no request shall pay for that. The second
// step of a size shows what it costs.
double EngineLoop::warm_up(Runner& runner, StepCosts* costs) {
  const auto begin = Clock::now();
  const auto total = static_cast<int64_t>(config_.warmup.size());
  int64_t done = 0;
  std::vector<Token> tokens;
  for (int32_t size : config_.warmup) {
    post_(Progress{"warmup", done++, total});
    tokens.assign(static_cast<size_t>(size), 0);
    for (bool measured : {false, true}) {
      if (!runner.admit(0, Rope::kShort, tokens, tokens.size(), 0)) break;
      const Span span{0, tokens, 0, 1};
      const auto step_begin = Clock::now();
      interruptible([&] { runner.interrupt(); },
                    [&] {
                      runner.start({&span, 1});
                      runner.wait();
                    });
      if (measured && costs) costs->learn(tokens.size(), milliseconds(Clock::now() - step_begin));
      runner.drop(0);
      runner.reset();
    }
    // The sizes that follow bring back what is still read.
    if (done == 1) runner.give_back_file();
  }
  post_(Progress{"warmup", total, total});
  return milliseconds(Clock::now() - begin);
}

// Work that stop() can interrupt. Nothing is computed after that: OpenVINO's graph is not fit for it (see Runner).
template <class Work>
void EngineLoop::interruptible(std::function<void()> interrupt, Work work) {
  const auto set = [this](std::function<void()> what) {
    std::lock_guard lock(mutex_);
    if (what && stopping_) throw Interrupted();
    interrupt_ = std::move(what);
  };
  set(std::move(interrupt));
  try {
    work();
  } catch (...) {
    set({});
    throw;
  }
  set({});
}

// Waits until there is something to do.
EngineLoop::Mail EngineLoop::take_mail() {
  const bool idle = !scheduler_ || (scheduler_->running.empty() && scheduler_->waiting.empty());
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return stopping_ || !inbox_.empty() || !cancelled_.empty() || !idle; });
  return {std::exchange(inbox_, {}), std::exchange(cancelled_, {}), stopping_};
}

bool EngineLoop::stopping() const {
  std::lock_guard lock(mutex_);
  return stopping_;
}

// Until the engine is stopped or dead.
void EngineLoop::serve() {
  while (!dead_) {
    Mail mail = take_mail();
    if (mail.stopping) {
      cancel_all(mail.submitted);
      return;
    }
    receive(mail.submitted);
    for (SequenceId id : mail.cancelled) cancel_now(id);
    if (!scheduler_->running.empty() || !scheduler_->waiting.empty()) {
      try {
        step();
        step_failure_.reset();
      } catch (const Interrupted&) {
        return;  // stopping
      } catch (const NonFinite&) {
        compute_again();
      } catch (...) {
        step_failed(current_failure(ERR_ENGINE));
      }
    }
    note_metrics();
  }
}

bool EngineLoop::outgrows_cache(const Sequence& sequence) const {
  return kv_tokens_ > 0 && sequence.max_length() > kv_tokens_;
}

Failure EngineLoop::cache_too_small(const Sequence& sequence) const {
  return {ERR_CONTEXT_LENGTH, "prompt and answer may need " + std::to_string(sequence.max_length()) +
                                  " tokens; the KV cache holds " + std::to_string(kv_tokens_)};
}

// Lets in what can be computed; what never can fails before it runs.
void EngineLoop::receive(Sequences& submitted) {
  const auto inside = [this](Token token) { return token >= 0 && static_cast<size_t>(token) < vocabulary_; };
  while (!submitted.empty()) {
    const auto sequence = submitted.begin();
    const auto& prompt = sequence->tokens;
    if (prompt.empty() || !std::all_of(prompt.begin(), prompt.end(), inside)) {
      // The embedding lookup does not check its index: such an id would read foreign memory.
      fail(submitted, sequence,
           {ERR_TOKEN_ID,
            "a prompt must hold at least one token id and only ids from 0 to " + std::to_string(vocabulary_ - 1)});
    } else if (outgrows_cache(*sequence)) {
      fail(submitted, sequence, cache_too_small(*sequence));
    } else {
      counts_.prompt_tokens += static_cast<int64_t>(prompt.size());
      scheduler_->add(submitted, sequence);
    }
  }
}

void EngineLoop::step() {
  guess(scheduler_->make_room());
  const auto spans = scheduler_->plan();
  if (spans.empty()) return;
  size_t tokens = 0;
  for (const auto& span : spans) tokens += span.tokens.size();
  const auto begin = Clock::now();
  Rows rows;
  interruptible([this] { runner_->interrupt(); },
                [&] {
                  runner_->start(spans);
                  rows = runner_->wait();
                });
  const double took = milliseconds(Clock::now() - begin);
  costs_.learn(tokens, took);
  scheduler_->took(took);
  ++counts_.steps;

  size_t row = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    Sequence& sequence = *scheduler_->stepping()[i];
    const size_t wanted = spans[i].rows;
    sequence.computed += spans[i].tokens.size();
    if (sequence.reprefill) note_reprefill(sequence);
    if (wanted > 0) {
      fork_siblings(sequence, rows, row);
      accept(sequence, rows, row);
    } else if (sequence.left() == 0) {  // only its prompt was wanted
      end(scheduler_->running, find(scheduler_->running, sequence.id), FinishReason::kLength);
    }
    row += wanted;
  }
}

// Puts guesses behind the tokens of decoding sequences.
void EngineLoop::guess(std::span<Sequence* const> decoding) {
  if (!guesses_->look_up(decoding, costs_)) return;
  interruptible([this] { guesses_->interrupt(); }, [&] { guesses_->ask_model(decoding, costs_); });
  if (const auto failure = guesses_->take_failure()) {
    post_(Warning{"draft-model", std::string("the draft model failed, decoding goes on without: ") + failure->what()});
  }
}

// May end the sequence and invalidate the reference.
void EngineLoop::accept(Sequence& sequence, const Rows& rows, size_t row) {
  const auto place = find(scheduler_->running, sequence.id);
  SpeculativeDecoder::Verification verdict;
  try {
    verdict = guesses_->verify(sequence, rows, row);
  } catch (...) {
    fail(scheduler_->running, place, current_failure(ERR_ENGINE));
    return;
  }
  const auto guessed = static_cast<int64_t>(verdict.guessed), right = static_cast<int64_t>(verdict.right);
  for (int64_t* count : {&sequence.counts.draft_tokens, &counts_.draft_tokens}) *count += guessed;
  for (int64_t* count : {&sequence.counts.accepted_tokens, &counts_.accepted_tokens}) *count += right;
  counts_.generated_tokens += static_cast<int64_t>(verdict.tokens.tokens.size());
  sequence.last_token = Clock::now();
  if (sequence.first_token == Clock::time_point{}) sequence.first_token = sequence.last_token;
  post_(verdict.tokens);
  if (verdict.reason) {
    end(scheduler_->running, place, *verdict.reason);
  } else if (border_.of(sequence.tokens.size()) != sequence.rope) {
    sequence.reprefill = true;
    sequence.reprefill_begun = sequence.last_token;
    post_(Reprefill{sequence.id, 0, static_cast<int64_t>(sequence.tokens.size())});
  }
}

void EngineLoop::note_reprefill(Sequence& sequence) {
  sequence.reprefill = sequence.left() > 0;
  if (!sequence.reprefill) sequence.counts.reprefill = milliseconds(Clock::now() - sequence.reprefill_begun);
  post_(Reprefill{sequence.id, static_cast<int64_t>(sequence.computed), static_cast<int64_t>(sequence.tokens.size())});
}

// The further answers to a prompt that has just been computed begin with the same row.
void EngineLoop::fork_siblings(Sequence& sequence, const Rows& rows, size_t row) {
  while (!sequence.siblings.empty()) {
    Sequences list;
    auto& child = list.emplace_back(first_sibling(sequence));
    child.siblings.clear();
    const bool forks = can_draft_ && scheduler_->has_place();
    if (forks) {
      child.begin(sequence.started, static_cast<size_t>(config_.draft_tokens));
      runner_->fork(sequence.id, child.id,
                    child.max_length());  // when it throws, the child still is a sibling and fails
    }
    sequence.siblings.erase(sequence.siblings.begin());
    if (!forks) {
      scheduler_->add(list, list.begin());  // finds the prompt in the cache
      continue;
    }
    child.counts.cached_tokens = sequence.counts.cached_tokens;
    child.computed = sequence.computed;
    child.rope = sequence.rope;
    child.admitted = true;
    scheduler_->join(list);
    accept(child, rows, row);
  }
}

// The sequences of the step fail, the cache is made anew, the others go on. After two failures in a row the engine is
// dead, and the first is the cause.
void EngineLoop::step_failed(const Failure& failure) {
  if (step_failure_) return die(Failure(*step_failure_));
  step_failure_ = failure;
  // The runner takes nothing but reset() now.
  for (auto& sequence : scheduler_->running) sequence.admitted = false;
  // By id: some of the step's sequences may have ended before it failed.
  for (const Span& span : scheduler_->spans()) {
    for (auto* list : {&scheduler_->running, &scheduler_->waiting}) {
      if (const auto found = find(*list, span.sequence); found != list->end()) fail(*list, found, failure);
    }
  }
  scheduler_->preempt_all();
  try {
    runner_->reset();
  } catch (...) {
    die(failure);
  }
}

// The runner climbs its ladder, and everything is computed anew from the prompts on.
void EngineLoop::compute_again() {
  for (auto& sequence : scheduler_->running) {
    sequence.admitted = false;
    guesses_->drop(sequence);
  }
  scheduler_->preempt_all();
  costs_ = {};
  try {
    runner_->reset();
    kv_tokens_ = runner_->info().kv_tokens;  // another precision may hold fewer in the same memory
  } catch (...) {
    return die(current_failure(ERR_ENGINE));
  }
  for (auto sequence = scheduler_->waiting.begin(); sequence != scheduler_->waiting.end();) {
    const auto place = sequence++;
    if (outgrows_cache(*place)) fail(scheduler_->waiting, place, cache_too_small(*place));
  }
}

void EngineLoop::cancel_now(SequenceId id) {
  for (auto* list : {&scheduler_->running, &scheduler_->waiting}) {
    for (auto sequence = list->begin(); sequence != list->end(); ++sequence) {
      auto& siblings = sequence->siblings;
      if (sequence->id == id) {
        if (!siblings.empty()) {
          // The next of them takes its place in the queue.
          Sequences heir;
          heir.push_back(first_sibling(*sequence));
          siblings.clear();
          scheduler_->add(heir, heir.begin());
        }
        end(*list, sequence, FinishReason::kCancelled);
        return;
      }
      const auto sibling = std::find_if(siblings.begin(), siblings.end(), [id](auto& s) { return s.id == id; });
      if (sibling != siblings.end()) {
        siblings.erase(sibling);
        post_(Finished{id, FinishReason::kCancelled, {}});
        return;
      }
    }
  }
}

void EngineLoop::end(Sequences& list, Sequences::iterator sequence, FinishReason reason) {
  if (sequence->admitted) runner_->drop(sequence->id);
  if (guesses_) guesses_->drop(sequence->id);
  Timings timings = sequence->counts;
  if (sequence->started != Clock::time_point{}) timings.queued = milliseconds(sequence->started - sequence->submitted);
  if (sequence->generated() > 0) {
    timings.prefill = milliseconds(sequence->first_token - sequence->started);
    timings.decode = milliseconds(sequence->last_token - sequence->first_token);
  } else if (reason == FinishReason::kLength) {
    timings.prefill = milliseconds(Clock::now() - sequence->started);
  }
  const SequenceId id = sequence->id;
  const auto siblings = std::move(sequence->siblings);
  list.erase(sequence);
  note_metrics();
  post_(Finished{id, reason, timings});
  for (const auto& sibling : siblings) post_(Finished{sibling.id, reason, {}});
}

void EngineLoop::fail(Sequences& list, Sequences::iterator sequence, const Failure& failure) {
  if (sequence->admitted) runner_->drop(sequence->id);
  if (guesses_) guesses_->drop(sequence->id);
  const SequenceId id = sequence->id;
  const auto siblings = std::move(sequence->siblings);
  list.erase(sequence);
  note_metrics();
  post_(Failed{id, failure.code(), failure.what()});
  for (const auto& sibling : siblings) post_(Failed{sibling.id, failure.code(), failure.what()});
}

// Without the runner, which may be broken.
void EngineLoop::fail_all(const Failure& failure) {
  for (auto* list : {&scheduler_->running, &scheduler_->waiting}) {
    for (auto& sequence : *list) sequence.admitted = false;
    while (!list->empty()) fail(*list, list->begin(), failure);
  }
}

void EngineLoop::cancel_all(Sequences& list) {
  for (auto& sequence : list) sequence.admitted = false;
  while (!list.empty()) end(list, list.begin(), FinishReason::kCancelled);
}

// Before an end is reported, so that whoever hears of it finds it counted.
void EngineLoop::note_metrics() {
  if (!scheduler_) return;
  counts_.running = static_cast<int64_t>(scheduler_->running.size());
  counts_.waiting = 0;
  for (const auto& sequence : scheduler_->waiting)
    counts_.waiting += 1 + static_cast<int64_t>(sequence.siblings.size());
  counts_.kv = runner_->kv();
  counts_.preemptions = scheduler_->preemptions;
  counts_.prefix_hits = scheduler_->prefix_hits;
  counts_.cached_tokens = scheduler_->cached_tokens;
  std::lock_guard lock(mutex_);
  metrics_ = counts_;
}

}  // namespace llm
