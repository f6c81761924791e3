// A runner that computes nothing: its logits point at the next token of a script. For tests of everything around a
// runner.
#pragma once
#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <numbers>
#include <vector>

#include "engine/failure.h"
#include "engine/runner.h"
#include "engine/scheduling/block_manager.h"

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
    size_t blocks = 0;  // of its KV cache, which is made of blocks of kBlockTokens; 0 = it has none
    size_t long_rope_border = 0;
    // The logits of the other tokens: all equal, which no model's are and top-p works longest on; or all over [-16, 0],
    // with the script's token at kSure.
    bool distinct = false;
  };
  static constexpr float kSure = 8;
  static constexpr size_t kBlockTokens = 4;
  static constexpr size_t kLogitRows = 3;
  explicit ScriptedRunner(Script script)
      : blocks_(script.blocks, kBlockTokens), script_(std::move(script)), others_(script_.vocabulary) {
    if (!script_.distinct) return;
    // Multiples of the golden ratio fill an interval evenly, and follow no order of the ids.
    for (size_t token = 0; token < others_.size(); ++token) {
      others_[token] = -16 * static_cast<float>(std::fmod(static_cast<double>(token) * std::numbers::phi, 1.0));
    }
  }

  RunnerInfo info() const override {
    RunnerInfo info;
    info.runner = "scripted";
    info.reason = "asked for";
    info.devices = {"none"};
    info.model.vocabulary_size = static_cast<int64_t>(script_.vocabulary);
    info.max_sequences = script_.max_sequences;
    info.can_trim = info.can_fork = true;
    info.long_rope_border = script_.long_rope_border;
    info.logit_rows = kLogitRows;
    info.kv_tokens = script_.blocks * kBlockTokens;
    info.kv_block_tokens = has_blocks() ? kBlockTokens : 0;
    return info;
  }
  std::optional<size_t> admit(SequenceId sequence, Rope rope, std::span<const Token> tokens, size_t max_length,
                              size_t spare) override {
    return has_blocks() ? blocks_.admit(sequence, rope, tokens, max_length, spare) : 0;
  }
  bool reserve(SequenceId sequence, size_t length) override {
    if (!has_blocks()) return true;
    blocks_.publish(sequence);
    return blocks_.reserve(sequence, length);
  }
  void trim(SequenceId sequence, size_t length) override {
    if (has_blocks()) blocks_.trim(sequence, length);
  }
  void fork(SequenceId parent, SequenceId child, size_t max_length) override {
    if (has_blocks()) blocks_.fork(parent, child, max_length);
  }
  void drop(SequenceId sequence) noexcept override {
    if (has_blocks()) blocks_.drop(sequence);
  }
  void reset() override { blocks_.clear(); }
  KvUse kv() const override { return has_blocks() ? blocks_.use() : KvUse{}; }

  void start(std::span<const Span> spans) override {
    size_t rows = 0;
    for (const auto& span : spans) {
      rows += span.rows;
      if (has_blocks()) blocks_.append(span.sequence, span.tokens);
    }
    blocks_.copies_done();
    logits_.resize(rows * script_.vocabulary);
    for (size_t row = 0; row < rows; ++row) std::ranges::copy(others_, logits_.data() + row * script_.vocabulary);
    size_t row = 0;
    for (const auto& span : spans) {
      const size_t end = span.position + span.tokens.size();
      for (size_t position = end - span.rows; position < end; ++position) {
        const auto next = static_cast<size_t>(script_.tokens[position % script_.tokens.size()]);
        logits_[row++ * script_.vocabulary + next] = script_.distinct ? kSure : 1.0F;
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
      throw Failure(ERR_ENGINE, "scripted failure of step " + std::to_string(steps_));
    }
    return {logits_.data(), logits_.size() / script_.vocabulary, script_.vocabulary};
  }

  void interrupt() noexcept override {
    std::lock_guard lock(mutex_);
    interrupted_ = true;
    wake_.notify_all();
  }

 protected:
  BlockManager blocks_;

 private:
  bool has_blocks() const { return script_.blocks > 0; }

  Script script_;
  std::vector<float> others_;  // a row in which no token is the script's
  std::vector<float> logits_;
  int steps_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool interrupted_ = false;
};

}  // namespace llm
