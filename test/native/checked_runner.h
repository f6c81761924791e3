// A runner that holds the loop to the contract of engine/runner.h and records what it was asked to compute. Its logits
// depend on every token before them, so a wrong position, a lost cache or a foreign token shows as another answer.
#pragma once
#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/failure.h"
#include "engine/runner.h"
#include "engine/sampler.h"
#include "event_log.h"

struct StepSpan {
  llm::SequenceId sequence;
  size_t position, count, rows;
  bool operator==(const StepSpan&) const = default;
};
struct Step {
  int number = 0;  // the first is 1, warm-up included
  std::vector<StepSpan> spans;
};

// How the runner behaves, set before the engine starts, and what it saw. Outlives the runner.
class Plan {
 public:
  size_t vocabulary = 32;
  size_t extra_columns = 0;  // by which rows of logits are wider than the vocabulary
  size_t max_sequences = 1;
  size_t chunk = 4;
  bool keeps_prefixes = false;  // a dropped sequence's tokens may serve a later prompt
  std::function<void(llm::SequenceId)> on_admit = [](auto) {};
  std::function<void(const Step&)> on_step = [](auto&) {};  // within wait(): may block or throw
  std::function<void()> on_reset = [] {};
  std::function<void(llm::SequenceId, std::span<float>)> on_row = [](auto, auto) {};

  // For on_step: what a long computation does.
  void block_until_interrupted() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kDeadline, [this] { return interrupts_ > 0; })) note("a step was never interrupted");
    throw llm::Interrupted();
  }

  std::vector<Step> steps() const { return look(steps_); }
  std::vector<llm::SequenceId> admissions() const { return look(admissions_); }
  std::vector<std::string> violations() const { return look(violations_); }
  int resets() const { return look(resets_); }
  int interrupts() const { return look(interrupts_); }
  std::thread::id destroyed_on() const { return look(destroyed_on_); }

 private:
  friend class CheckedRunner;
  template <class T>
  T look(const T& value) const {
    std::lock_guard lock(mutex_);
    return value;
  }
  void note(const std::string& violation) { violations_.push_back(violation); }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Step> steps_;
  std::vector<llm::SequenceId> admissions_;
  std::vector<std::string> violations_;
  int resets_ = 0;
  int interrupts_ = 0;
  std::thread::id destroyed_on_;
};

// One token is likely, the others differ a little: greedy and sampled answers both have something to choose from.
inline void fill_logits(std::span<const llm::Token> before, std::span<float> logits) {
  uint32_t hash = 2166136261U;  // FNV-1a
  for (auto token : before) hash = (hash ^ static_cast<uint32_t>(token)) * 16777619U;
  for (size_t i = 0; i < logits.size(); ++i) {
    logits[i] = static_cast<float>(((hash + static_cast<uint32_t>(i)) * 2654435761U) >> 16) / 65536.0F;
  }
  logits[(hash >> 7) % logits.size()] += 2.0F;
}

// What an engine must answer when nobody cancels.
inline std::vector<llm::Token> expected_answer(std::vector<llm::Token> tokens, const llm::RequestParams& params,
                                               size_t vocabulary) {
  llm::Sampler sampler(params);
  std::vector<float> logits(vocabulary);
  std::vector<llm::Token> answer;
  while (answer.size() < static_cast<size_t>(params.max_new_tokens)) {
    fill_logits(tokens, logits);
    answer.push_back(sampler.sample(logits));
    tokens.push_back(answer.back());
    const auto& stops = params.stop_token_ids;
    if (std::find(stops.begin(), stops.end(), answer.back()) != stops.end()) break;
  }
  return answer;
}

class CheckedRunner : public llm::Runner {
 public:
  explicit CheckedRunner(Plan& plan) : plan_(plan) {}
  ~CheckedRunner() override {
    std::lock_guard lock(plan_.mutex_);
    plan_.destroyed_on_ = std::this_thread::get_id();
  }

  llm::RunnerInfo info() const override {
    llm::RunnerInfo info;
    info.runner = "checked";
    info.model.vocabulary_size = static_cast<int64_t>(plan_.vocabulary);
    info.max_sequences = plan_.max_sequences;
    return info;
  }

  size_t admit(llm::SequenceId id, std::span<const llm::Token> prompt) override {
    plan_.on_admit(id);
    std::lock_guard lock(plan_.mutex_);
    expect(state_ == State::kIdle, "admit while a step runs or after a throw without reset");
    expect(!held_.contains(id), "admit of a sequence that is admitted");
    expect(held_.size() < plan_.max_sequences, "admit of more sequences than there is room for");
    expect(!prompt.empty(), "admit of an empty prompt");
    plan_.admissions_.push_back(id);
    auto& held = held_[id];
    if (plan_.keeps_prefixes && !prompt.empty()) {
      const auto [mine, theirs] = std::mismatch(left_.begin(), left_.end(), prompt.begin(), prompt.end() - 1);
      held.assign(left_.begin(), mine);
    }
    return held.size();
  }

  void start(std::span<const llm::Span> spans) override {
    std::lock_guard lock(plan_.mutex_);
    expect(state_ == State::kIdle, "start without wait, or after a throw without reset");
    expect(!spans.empty(), "start without spans");
    state_ = State::kStarted;
    Step step{static_cast<int>(plan_.steps_.size()) + 1, {}};
    rows_.clear();
    row_owners_.clear();
    for (const auto& span : spans) {
      for (const auto& other : step.spans)
        expect(other.sequence != span.sequence, "two spans of one sequence in a step");
      step.spans.push_back({span.sequence, span.position, span.tokens.size(), span.rows});
      compute(span);
    }
    plan_.steps_.push_back(std::move(step));
  }

  llm::Rows wait() override {
    expect_started();
    try {
      plan_.on_step(last_step());
      std::lock_guard lock(plan_.mutex_);
      if (plan_.interrupts_ > 0) throw llm::Interrupted();
    } catch (...) {
      state_ = State::kBroken;
      throw;
    }
    state_ = State::kIdle;
    for (size_t i = 0; i < row_owners_.size(); ++i) {
      plan_.on_row(row_owners_[i], std::span(rows_).subspan(i * width(), width()));
    }
    return {rows_.data(), row_owners_.size(), width()};
  }

  void interrupt() noexcept override {
    std::lock_guard lock(plan_.mutex_);
    if (++plan_.interrupts_ > 1) plan_.note("a second interrupt");
    plan_.changed_.notify_all();
  }

  void drop(llm::SequenceId id) noexcept override {
    std::lock_guard lock(plan_.mutex_);
    expect(state_ == State::kIdle, "drop while a step runs or after a throw without reset");
    const auto found = held_.find(id);
    expect(found != held_.end(), "drop of a sequence that is not admitted");
    if (found == held_.end()) return;
    left_ = found->second;
    held_.erase(found);
  }

  void reset() override {
    {
      std::lock_guard lock(plan_.mutex_);
      expect(state_ != State::kStarted, "reset while a step runs");
      expect(plan_.interrupts_ == 0, "reset after interrupt");
      ++plan_.resets_;
      held_.clear();
      left_.clear();
      state_ = State::kIdle;
    }
    plan_.on_reset();
  }

 private:
  enum class State { kIdle, kStarted, kBroken };
  size_t width() const { return plan_.vocabulary + plan_.extra_columns; }

  // Under the plan's mutex.
  void expect(bool condition, const std::string& violation) {
    if (!condition) plan_.note(violation);
    if (std::this_thread::get_id() != thread_) plan_.note("not on the thread that made the runner");
  }
  void expect_started() {
    std::lock_guard lock(plan_.mutex_);
    expect(state_ == State::kStarted, "wait without start");
  }
  Step last_step() const {
    std::lock_guard lock(plan_.mutex_);
    return plan_.steps_.back();
  }

  void compute(const llm::Span& span) {
    const auto found = held_.find(span.sequence);
    expect(found != held_.end(), "a span of a sequence that is not admitted");
    expect(!span.tokens.empty(), "a span without tokens");
    expect(span.tokens.size() <= plan_.chunk, "a span longer than prefill_chunk");
    expect(span.rows <= span.tokens.size(), "more rows than tokens");
    if (found == held_.end() || span.rows > span.tokens.size()) return;
    auto& held = found->second;
    expect(span.position == held.size(), "a span that does not begin where the cache ends");
    for (auto token : span.tokens) {
      held.push_back(token);
      if (span.position + span.tokens.size() - held.size() >= span.rows) continue;
      rows_.resize(rows_.size() + width());
      fill_logits(held, std::span(rows_).last(width()).first(plan_.vocabulary));
      row_owners_.push_back(span.sequence);
    }
  }

  Plan& plan_;
  const std::thread::id thread_ = std::this_thread::get_id();
  State state_ = State::kIdle;
  std::map<llm::SequenceId, std::vector<llm::Token>> held_;  // the KV cache
  std::vector<llm::Token> left_;                             // what the last dropped sequence left in it
  std::vector<float> rows_;
  std::vector<llm::SequenceId> row_owners_;
};
