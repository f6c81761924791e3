#include "loop.h"

#include <algorithm>
#include <utility>

namespace llm {
namespace {

double milliseconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

EngineLoop::EngineLoop(EngineConfig config, RunnerFactory factory, EventSink post)
    : config_(std::move(config)), factory_(std::move(factory)), post_(std::move(post)), thread_([this] { run(); }) {}

EngineLoop::~EngineLoop() {
  stop();
  thread_.join();
}

void EngineLoop::submit(Request request) {
  std::lock_guard lock(mutex_);
  inbox_.emplace_back(std::move(request), Clock::now());
  wake_.notify_one();
}

void EngineLoop::cancel(SequenceId id) {
  std::lock_guard lock(mutex_);
  cancelled_.push_back(id);
  wake_.notify_one();
}

void EngineLoop::stop() {
  std::lock_guard lock(mutex_);
  if (std::exchange(stopping_, true)) return;  // a runner is interrupted once
  wake_.notify_one();
  if (computing_) computing_->interrupt();
}

void EngineLoop::run() {
  if (load()) {
    serve();
  } else {
    std::unique_lock lock(mutex_);
    while (!stopping_) {  // the model did not load: answer every request with the cause
      wake_.wait(lock, [this] { return stopping_ || !inbox_.empty() || !cancelled_.empty(); });
      cancelled_.clear();
      std::list<Sequence> inbox = std::exchange(inbox_, {});
      lock.unlock();
      for (const auto& sequence : inbox) post_(Failed{sequence.request.id, dead_->code(), dead_->what()});
      lock.lock();
    }
  }
  for (auto* queue : {&running_, &waiting_}) {
    for (const auto& sequence : *queue) post_(Finished{sequence.request.id, FinishReason::kCancelled, {}});
    queue->clear();
  }
  {
    std::lock_guard lock(mutex_);
    for (const auto& sequence : inbox_) post_(Finished{sequence.request.id, FinishReason::kCancelled, {}});
    inbox_.clear();
  }
  runner_.reset();  // on this thread, before anybody is told that the memory is free
  post_(Closed{});
  ended_ = true;
}

// False when there is no runner to serve with: dead_ says why, unless it was stopped meanwhile.
bool EngineLoop::load() {
  try {
    runner_ = factory_(config_, post_);
    Ready ready{runner_->info(), 0};
    vocabulary_ = static_cast<size_t>(ready.info.model.vocabulary_size);
    max_sequences_ = ready.info.max_sequences;
    ready.warmup_ms = warm_up();
    post_(std::move(ready));
    return true;
  } catch (...) {
    dead_ = current_failure("ERR_ENGINE");
    runner_.reset();
    std::lock_guard lock(mutex_);
    if (!stopping_) post_(Failed{0, dead_->code(), dead_->what()});
    return false;
  }
}

// Weights are repacked and kernels made during the first steps of each size: no request shall pay for that.
double EngineLoop::warm_up() {
  const auto begin = Clock::now();
  const auto total = static_cast<int64_t>(config_.warmup.size());
  int64_t done = 0;
  std::vector<Token> tokens;
  for (int32_t size : config_.warmup) {
    post_(Progress{"warmup", done++, total});
    tokens.assign(static_cast<size_t>(size), 0);
    runner_->admit(0, tokens);
    const Span span{0, tokens, 0, 1};
    compute({&span, 1});
    runner_->drop(0);
    runner_->reset();
  }
  post_(Progress{"warmup", total, total});
  return milliseconds(Clock::now() - begin);
}

// One step, which stop() can interrupt. Nothing is computed after that: OpenVINO's graph is not fit for it (see
// Runner).
Rows EngineLoop::compute(std::span<const Span> spans) {
  const auto computing = [this](Runner* runner) {
    std::lock_guard lock(mutex_);
    if (runner && stopping_) throw Interrupted();
    computing_ = runner;
  };
  computing(runner_.get());
  try {
    runner_->start(spans);
    const Rows rows = runner_->wait();
    computing(nullptr);
    return rows;
  } catch (...) {
    computing(nullptr);
    throw;
  }
}

// Waits until there is something to do.
EngineLoop::Mail EngineLoop::take_mail() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] {
    return stopping_ || !inbox_.empty() || !cancelled_.empty() || !running_.empty() || !waiting_.empty();
  });
  waiting_.splice(waiting_.end(), inbox_);
  return {std::exchange(cancelled_, {}), stopping_};
}

void EngineLoop::serve() {
  for (;;) {
    const Mail mail = take_mail();
    for (SequenceId id : mail.cancelled) end(id, FinishReason::kCancelled);
    if (mail.stopping) return;
    if (dead_) {
      fail_all(*dead_);
      continue;
    }
    admit();
    if (running_.empty()) continue;
    try {
      step();
      step_failure_.reset();
    } catch (const Interrupted&) {
      // Stopping: the next mail says so.
      for (auto& sequence : running_) sequence.admitted = false;
    } catch (...) {
      step_failed(current_failure("ERR_ENGINE"));
    }
  }
}

// First come, first served.
void EngineLoop::admit() {
  while (!waiting_.empty() && running_.size() < max_sequences_) {
    const auto& prompt = waiting_.front().request.prompt;
    const auto inside = [this](Token token) { return token >= 0 && static_cast<size_t>(token) < vocabulary_; };
    if (prompt.empty() || !std::all_of(prompt.begin(), prompt.end(), inside)) {
      // The embedding lookup does not check its index: such an id would read foreign memory.
      post_(
          Failed{waiting_.front().request.id, "ERR_TOKEN_ID",
                 "a prompt must hold at least one token id and only ids from 0 to " + std::to_string(vocabulary_ - 1)});
      waiting_.pop_front();
    } else {
      running_.splice(running_.end(), waiting_, waiting_.begin());
      running_.back().started = Clock::now();
    }
  }
}

void EngineLoop::readmit(Sequence& sequence) {
  sequence.computed = runner_->admit(sequence.request.id, sequence.tokens);
  sequence.admitted = true;
  if (sequence.generated() == 0) sequence.cached = sequence.computed;
}

// Computes the next stretch of every running sequence and samples for those whose last token was reached.
void EngineLoop::step() {
  spans_.clear();
  stepping_.clear();
  for (auto& sequence : running_) {
    // Before its admission: when that throws, the sequence is one of those that fail.
    auto& span = spans_.emplace_back(Span{sequence.request.id, {}, 0, 0});
    stepping_.push_back(&sequence);
    if (!sequence.admitted) readmit(sequence);
    const size_t left = sequence.tokens.size() - sequence.computed;
    const size_t count = std::min(left, static_cast<size_t>(config_.prefill_chunk));
    span.tokens = std::span<const Token>(sequence.tokens).subspan(sequence.computed, count);
    span.position = sequence.computed;
    span.rows = count == left ? 1 : 0;
  }
  const Rows rows = compute(spans_);

  for (size_t i = 0; i < spans_.size(); ++i) stepping_[i]->computed += spans_[i].tokens.size();
  size_t row = 0;
  for (size_t i = 0; i < spans_.size(); ++i) {
    if (spans_[i].rows == 0) continue;
    auto& sequence = *stepping_[i];
    try {
      accept(sequence, sequence.sampler.sample(rows.row(row++)));
    } catch (...) {
      fail(sequence.request.id, current_failure("ERR_ENGINE"));
    }
  }
}

// May end the sequence and invalidate the reference.
void EngineLoop::accept(Sequence& sequence, Token token) {
  if (static_cast<size_t>(token) >= vocabulary_) {
    // Rows of logits may be wider than the embedding table, which does not check what is looked up.
    throw Failure("ERR_TOKEN_ID", "the model chose token " + std::to_string(token) +
                                      ", but its embedding table ends at " + std::to_string(vocabulary_ - 1));
  }
  sequence.last_token = Clock::now();
  if (sequence.generated() == 0) sequence.first_token = sequence.last_token;
  sequence.tokens.push_back(token);
  const SequenceId id = sequence.request.id;
  const auto& params = sequence.request.params;
  post_(Tokens{id, {token}});
  if (std::find(params.stop_token_ids.begin(), params.stop_token_ids.end(), token) != params.stop_token_ids.end()) {
    end(id, FinishReason::kStop);
  } else if (sequence.generated() >= static_cast<size_t>(params.max_new_tokens)) {
    end(id, FinishReason::kLength);
  }
}

// The sequences of the step fail, the cache is made anew, the others go on. After two failures in a row the engine is
// dead, and the first is the cause.
void EngineLoop::step_failed(const Failure& failure) {
  for (auto& sequence : running_) sequence.admitted = false;  // the runner takes nothing but reset() now
  for (const auto& span : spans_) fail(span.sequence, failure);
  if (step_failure_) dead_ = step_failure_;
  step_failure_ = failure;
  try {
    runner_->reset();
  } catch (...) {
    if (!dead_) dead_ = failure;
  }
  if (dead_) fail_all(*dead_);
}

void EngineLoop::end(SequenceId id, FinishReason reason) {
  const auto is = [id](const Sequence& sequence) { return sequence.request.id == id; };
  if (const auto found = std::find_if(running_.begin(), running_.end(), is); found != running_.end()) {
    if (found->admitted) runner_->drop(id);
    Timings timings;
    timings.queued = milliseconds(found->started - found->submitted);
    if (found->generated() > 0) {
      timings.prefill = milliseconds(found->first_token - found->started);
      timings.decode = milliseconds(found->last_token - found->first_token);
    }
    timings.cached_tokens = static_cast<int64_t>(found->cached);
    running_.erase(found);
    post_(Finished{id, reason, timings});
  } else if (std::erase_if(waiting_, is) > 0) {
    post_(Finished{id, reason, {}});
  }
}

void EngineLoop::fail(SequenceId id, const Failure& failure) {
  const auto is = [id](const Sequence& sequence) { return sequence.request.id == id; };
  const auto found = std::find_if(running_.begin(), running_.end(), is);
  if (found == running_.end()) return;
  if (found->admitted) runner_->drop(id);
  running_.erase(found);
  post_(Failed{id, failure.code(), failure.what()});
}

void EngineLoop::fail_all(const Failure& failure) {
  for (auto* queue : {&running_, &waiting_}) {
    for (const auto& sequence : *queue) post_(Failed{sequence.request.id, failure.code(), failure.what()});
    queue->clear();
  }
}

}  // namespace llm
