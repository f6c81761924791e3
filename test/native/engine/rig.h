// An engine on a checked runner, and the request that most tests make.
#pragma once
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "engine/checked_runner.h"
#include "engine/kept_runner.h"
#include "engine/loop.h"
#include "engine/scripted_grammar.h"
#include "tap.h"

inline llm::RequestParams length(int32_t max_new_tokens) {
  llm::RequestParams params;
  params.max_new_tokens = max_new_tokens;
  return params;
}

class Rig {
 public:
  // Gates that `plan` uses must be declared before the rig: its engine ends first.
  Plan plan;
  EventLog log;
  std::string runner;
  bool kept = false;  // whether the runner is of a kept graph
  std::vector<int32_t> warmup;
  llm::Clock::duration quiet = llm::EngineLoop::kQuiet;
  std::vector<std::string> properties, precision_fallback;
  llm::GrammarCompilerFactory grammars;
  std::function<void()> on_load = [] {};  // on the engine's thread, before the runner is made
  std::function<void(const llm::EngineConfig&)> on_open = [](const auto&) {};  // the same, with what is asked for
  std::function<void(const llm::Event&)> on_event = [](const auto&) {};        // the same, before the log has it

  ~Rig() { loop_.reset(); }

  void start() {
    llm::EngineConfig config;
    config.runner = runner;
    config.prefill_chunk = static_cast<int32_t>(plan.chunk);
    config.warmup = warmup;
    config.properties = properties;
    config.precision_fallback = precision_fallback;
    const auto factory = [this](const llm::EngineConfig& asked, const llm::EventSink&) -> std::unique_ptr<llm::Runner> {
      on_load();
      on_open(asked);
      auto made = std::make_unique<CheckedRunner>(plan);
      if (kept) return std::make_unique<llm::KeptRunner>(std::move(made));
      return made;
    };
    loop_ = std::make_unique<llm::EngineLoop>(
        config, factory,
        [this, log = log.sink()](llm::Event event) {
          on_event(event);
          log(std::move(event));
        },
        grammars, quiet);
    if (grammars) loop_->learn_vocabulary(ScriptedGrammars::vocabulary(plan.vocabulary));
  }
  llm::EngineLoop& loop() { return *loop_; }

  void submit(llm::SequenceId id, std::vector<llm::Token> prompt, const llm::RequestParams& params = length(5)) {
    {
      std::lock_guard lock(mutex_);
      submitted_[id] = {{id}, prompt, params};
    }
    loop_->submit({{id}, std::move(prompt), params});
  }
  // One request with several answers; each is then looked at by its own id.
  void submit_all(const std::vector<llm::SequenceId>& ids, const std::vector<llm::Token>& prompt,
                  const llm::RequestParams& params = length(5)) {
    {
      std::lock_guard lock(mutex_);
      for (size_t i = 0; i < ids.size(); ++i) {
        auto own = params;
        own.seed += static_cast<uint32_t>(i);
        submitted_[ids[i]] = {{ids[i]}, prompt, own};
      }
    }
    loop_->submit({ids, prompt, params});
  }

  // What a request must answer when nobody cancels.
  std::vector<llm::Token> expected(llm::SequenceId id) {
    std::lock_guard lock(mutex_);
    const auto& request = submitted_.at(id);
    return expected_answer(request.prompt, request.params, plan);
  }

  // The whole answer has come, exactly.
  void check_whole(llm::SequenceId id, llm::FinishReason reason = llm::FinishReason::kLength) {
    const Answer answer = log.end_of(id);
    CHECK_EQUAL(answer.code + answer.message, "");
    CHECK_EQUAL(answer.tokens, expected(id));
    CHECK(answer.reason == reason);
  }
  // It was cancelled; what came before is the beginning of its answer.
  void check_cancelled(llm::SequenceId id, size_t tokens) {
    const Answer answer = log.end_of(id);
    CHECK_EQUAL(answer.code + answer.message, "");
    CHECK(answer.reason == llm::FinishReason::kCancelled);
    auto begin = expected(id);
    begin.resize(tokens);
    CHECK_EQUAL(answer.tokens, begin);
  }
  void check_failed(llm::SequenceId id, llm::ErrorCode code, const std::string& message) {
    const Answer answer = log.end_of(id);
    CHECK_EQUAL(answer.code, std::string(llm::name_of(code)));
    CHECK_EQUAL(answer.message, message);
  }

  // Ends the engine and looks back: every request ended exactly once, Closed came last, the runner had no complaint.
  void close() {
    loop_.reset();
    CHECK(log.is_closed());
    CHECK_EQUAL(log.problems(), std::vector<std::string>{});
    CHECK_EQUAL(plan.violations(), std::vector<std::string>{});
    std::set<llm::SequenceId> asked, answered;
    for (const auto& [id, request] : submitted_) asked.insert(id);
    for (const auto& [id, answer] : log.answers()) {
      if (answer.ended()) answered.insert(id);
    }
    CHECK_EQUAL(answered, asked);
  }

 private:
  std::mutex mutex_;
  std::map<llm::SequenceId, llm::Request> submitted_;
  std::unique_ptr<llm::EngineLoop> loop_;
};
