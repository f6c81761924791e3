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

#include "engine/event_log.h"
#include "engine/failure.h"
#include "engine/request.h"
#include "engine/runner.h"
#include "engine/sampling/sampler.h"
#include "engine/scheduling/block_manager.h"

struct StepSpan {
  llm::SequenceId sequence;
  size_t position, count, rows;
  bool operator==(const StepSpan&) const = default;
};
struct Step {
  int number = 0;  // the first is 1, warm-up included
  std::vector<StepSpan> spans;
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

// How the runner behaves, set before the engine starts, and what it saw. Outlives the runner.
class Plan {
 public:
  size_t vocabulary = 32;
  size_t extra_columns = 0;        // by which rows of logits are wider than the vocabulary
  std::string runner = "checked";  // what its info says
  size_t max_sequences = 1;
  size_t chunk = 4;
  bool keeps_prefixes = false;  // a dropped sequence's tokens may serve a later prompt
  bool can_trim = false;
  bool can_fork = false;
  size_t blocks = 0;                              // of a KV cache with prefix cache; 0 = none, and room for everything
  size_t block_tokens = 4;                        // of each
  size_t logit_rows = 1000;                       // of prompts, in a step
  bool reports_prompts = false;                   // rows may lie within prompts, with the factors of the whole
  size_t long_rope_border = 0;                    // sequences longer than this have other logits, and keys
  std::map<std::string, std::string> properties;  // of its info
  std::map<std::string, std::string> rt_info;
  std::function<void(std::span<const llm::Token>, std::span<float>)> fill =
      fill_logits;  // the logits after these tokens
  // The same with what the position factors of a sequence of that length do to them.
  void fill_as(llm::Rope rope, std::span<const llm::Token> before, std::span<float> logits) const {
    fill(before, logits);
    if (rope == llm::Rope::kLong) std::rotate(logits.begin(), logits.begin() + 1, logits.end());
  }
  std::function<void(llm::SequenceId)> on_admit = [](auto) {};
  std::function<void(llm::SequenceId)> on_fork = [](auto) {};  // of the child
  std::function<void(const Step&)> on_step = [](auto&) {};     // within wait(): may block or throw
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

// What an engine must answer when nobody cancels.
inline std::vector<llm::Token> expected_answer(std::vector<llm::Token> tokens, const llm::RequestParams& params,
                                               const Plan& plan) {
  llm::Sampler sampler(params);
  std::vector<float> logits(plan.vocabulary);
  std::vector<llm::Token> answer;
  while (answer.size() < static_cast<size_t>(params.max_new_tokens)) {
    plan.fill_as(llm::RopeBorder(plan.long_rope_border).of(tokens.size()), tokens, logits);
    answer.push_back(sampler.sample(logits));
    tokens.push_back(answer.back());
    const auto& stops = params.stop_token_ids;
    if (std::find(stops.begin(), stops.end(), answer.back()) != stops.end()) break;
  }
  return answer;
}

class CheckedRunner : public llm::Runner {
 public:
  explicit CheckedRunner(Plan& plan) : plan_(plan), blocks_(plan.blocks, plan.block_tokens) {}
  ~CheckedRunner() override {
    std::lock_guard lock(plan_.mutex_);
    plan_.destroyed_on_ = std::this_thread::get_id();
  }

  llm::RunnerInfo info() const override {
    llm::RunnerInfo info;
    info.runner = plan_.runner;
    info.properties = plan_.properties;
    info.model.rt_info = plan_.rt_info;
    info.model.vocabulary_size = static_cast<int64_t>(plan_.vocabulary);
    info.max_sequences = plan_.max_sequences;
    info.can_trim = plan_.can_trim;
    info.can_fork = plan_.can_fork;
    info.kv_tokens = plan_.blocks * plan_.block_tokens;
    info.long_rope_border = plan_.long_rope_border;
    info.logit_rows = plan_.logit_rows;
    return info;
  }

  std::optional<size_t> admit(llm::SequenceId id, llm::Rope rope, std::span<const llm::Token> prompt, size_t max_length,
                              size_t spare) override {
    plan_.on_admit(id);
    std::lock_guard lock(plan_.mutex_);
    expect(state_ == State::kIdle, "admit while a step runs or after a throw without reset");
    expect(!held_.contains(id), "admit of a sequence that is admitted");
    expect(held_.size() < plan_.max_sequences, "admit of more sequences than there is room for");
    expect(!prompt.empty(), "admit of an empty prompt");
    expect(prompt.size() <= max_length, "admit of more tokens than the sequence may have");
    size_t cached = 0;
    if (plan_.blocks > 0) {
      const auto found = blocks_.admit(id, rope, prompt, max_length, spare);
      if (!found) return std::nullopt;
      cached = *found;
    }
    plan_.admissions_.push_back(id);
    max_lengths_[id] = max_length;
    ropes_[id] = rope;
    auto& held = held_[id];
    held.assign(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(cached));
    if (plan_.keeps_prefixes && !prompt.empty() && rope == left_rope_) {
      const auto [mine, theirs] = std::mismatch(left_.begin(), left_.end(), prompt.begin(), prompt.end() - 1);
      held.assign(left_.begin(), mine);
    }
    return held.size();
  }

  bool reserve(llm::SequenceId id, size_t length) override {
    std::lock_guard lock(plan_.mutex_);
    expect(state_ == State::kIdle, "reserve while a step runs or after a throw without reset");
    expect(held_.contains(id), "reserve for a sequence that is not admitted");
    expect(length <= max_lengths_[id], "reserve beyond the sequence's longest length");
    if (plan_.blocks == 0) return true;
    blocks_.publish(id);
    return blocks_.reserve(id, length);
  }

  void trim(llm::SequenceId id, size_t length) override {
    std::lock_guard lock(plan_.mutex_);
    expect(plan_.can_trim, "trim by a runner that cannot");
    expect(state_ == State::kIdle, "trim while a step runs or after a throw without reset");
    expect(held_.contains(id) && length <= held_[id].size(), "trim of what is not there");
    held_[id].resize(length);
    if (plan_.blocks > 0) blocks_.trim(id, length);
  }

  void fork(llm::SequenceId parent, llm::SequenceId child, size_t max_length) override {
    plan_.on_fork(child);
    std::lock_guard lock(plan_.mutex_);
    expect(plan_.can_fork, "fork by a runner that cannot");
    expect(held_.contains(parent) && !held_.contains(child), "fork of or into a wrong sequence");
    expect(held_.size() < plan_.max_sequences, "fork into more sequences than there is room for");
    held_[child] = std::vector<llm::Token>(held_[parent]);
    max_lengths_[child] = max_length;
    ropes_[child] = ropes_[parent];
    if (plan_.blocks > 0) blocks_.fork(parent, child, max_length);
  }

  llm::KvUse kv() const override { return plan_.blocks > 0 ? blocks_.use() : llm::KvUse{}; }

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
      expect(ropes_[span.sequence] == ropes_[spans.front().sequence], "a step with different position factors");
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
    left_rope_ = ropes_[id];
    held_.erase(found);
    if (plan_.blocks > 0) blocks_.drop(id);
  }

  void reset() override {
    {
      std::lock_guard lock(plan_.mutex_);
      expect(state_ != State::kStarted, "reset while a step runs");
      expect(plan_.interrupts_ == 0, "reset after interrupt");
      ++plan_.resets_;
      held_.clear();
      left_.clear();
      blocks_.clear();
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
    if (plan_.blocks > 0) {
      expect(span.position + span.tokens.size() <= blocks_.blocks(span.sequence).size() * plan_.block_tokens,
             "a span longer than its room");
      blocks_.append(span.sequence, span.tokens);
      blocks_.copies_done();
    }
    for (auto token : span.tokens) {
      held.push_back(token);
      if (span.position + span.tokens.size() - held.size() >= span.rows) continue;
      rows_.resize(rows_.size() + width());
      const auto rope = ropes_[span.sequence];
      const bool in_prompt = plan_.reports_prompts && rope == llm::Rope::kLong;
      expect(in_prompt || llm::RopeBorder(plan_.long_rope_border).of(held.size()) == rope,
             "a row with wrong position factors");
      plan_.fill_as(rope, held, std::span(rows_).last(width()).first(plan_.vocabulary));
      row_owners_.push_back(span.sequence);
    }
  }

  Plan& plan_;
  llm::BlockManager blocks_;
  std::map<llm::SequenceId, size_t> max_lengths_;
  std::map<llm::SequenceId, llm::Rope> ropes_;
  const std::thread::id thread_ = std::this_thread::get_id();
  State state_ = State::kIdle;
  std::map<llm::SequenceId, std::vector<llm::Token>> held_;  // the KV cache
  std::vector<llm::Token> left_;                             // what the last dropped sequence left in it
  llm::Rope left_rope_ = llm::Rope::kShort;                  // with which factors
  std::vector<float> rows_;
  std::vector<llm::SequenceId> row_owners_;
};
