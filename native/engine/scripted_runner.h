// A runner that computes nothing: its logits point at the next token of a script. For tests of everything around a
// runner.
#pragma once
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "failure.h"
#include "runner.h"

namespace llm {

class ScriptedRunner : public Runner {
 public:
  // The logits after a token at position p point at script[p % script.size()].
  // Step number `fail_at` (the first is 1; 0 = never) and the `fail_count - 1` steps after it throw.
  struct Script {
    std::vector<Token> tokens;
    size_t vocabulary = 0;
    std::chrono::microseconds step{0};
    int fail_at = 0;
    int fail_count = 0;
    size_t max_sequences = 1;
  };
  explicit ScriptedRunner(Script script) : script_(std::move(script)) {}

  RunnerInfo info() const override {
    RunnerInfo info;
    info.runner = "scripted";
    info.reason = "asked for";
    info.devices = {"none"};
    info.model.vocabulary_size = static_cast<int64_t>(script_.vocabulary);
    info.max_sequences = script_.max_sequences;
    return info;
  }
  size_t admit(SequenceId, std::span<const Token>) override { return 0; }
  void drop(SequenceId) noexcept override {}
  void reset() override {}

  void start(std::span<const Span> spans) override {
    size_t rows = 0;
    for (const auto& span : spans) rows += span.rows;
    logits_.assign(rows * script_.vocabulary, 0.0F);
    size_t row = 0;
    for (const auto& span : spans) {
      const size_t end = span.position + span.tokens.size();
      for (size_t position = end - span.rows; position < end; ++position) {
        const auto next = static_cast<size_t>(script_.tokens[position % script_.tokens.size()]);
        logits_[row++ * script_.vocabulary + next] = 1.0F;
      }
    }
    ++steps_;
  }

  Rows wait() override {
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, script_.step, [this] { return interrupted_; })) throw Interrupted();
    }
    if (script_.fail_at > 0 && steps_ >= script_.fail_at && steps_ < script_.fail_at + script_.fail_count) {
      throw Failure("ERR_ENGINE", "scripted failure of step " + std::to_string(steps_));
    }
    return {logits_.data(), logits_.size() / script_.vocabulary, script_.vocabulary};
  }

  void interrupt() noexcept override {
    std::lock_guard lock(mutex_);
    interrupted_ = true;
    wake_.notify_all();
  }

 private:
  Script script_;
  std::vector<float> logits_;
  int steps_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool interrupted_ = false;
};

}  // namespace llm
