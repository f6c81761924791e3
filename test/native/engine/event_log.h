// Takes the events of an engine or a job, checks their order as they come, and lets a test wait for them.
#pragma once
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/event.h"

// Nothing here takes long: who waits as long as this waits for what will never come.
inline constexpr std::chrono::seconds kDeadline{300};

// Something that one thread waits for and another makes happen.
class Gate {
 public:
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    if (!opened_.wait_for(lock, kDeadline, [this] { return open_; })) throw std::runtime_error("a gate stayed closed");
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

// Everything that came for one request.
struct Answer {
  std::vector<llm::Token> tokens;
  std::optional<double> score;              // of a beam search
  std::optional<llm::FinishReason> reason;  // when it finished
  std::string code, message;                // when it failed
  llm::Timings timings;
  std::vector<llm::Reprefill> reprefills;
  llm::Logprobs logprobs, prompt_logprobs;  // of all events together
  bool ended() const { return reason || !code.empty(); }
};

class EventLog {
 public:
  llm::EventSink sink() {
    return [this](llm::Event event) {
      std::lock_guard lock(mutex_);
      if (closed_) problems_.emplace_back("an event after Closed");
      std::visit([this](auto& e) { take(e); }, event);
      changed_.notify_all();
    };
  }

  // These wait.
  Answer end_of(llm::SequenceId id) {
    return wait("the end of request " + std::to_string(id), [&]() -> const Answer* {
      const auto found = answers_.find(id);
      return found != answers_.end() && found->second.ended() ? &found->second : nullptr;
    });
  }
  llm::Ready ready() {
    return wait("Ready", [&] { return ready_ ? &*ready_ : nullptr; });
  }
  llm::Failed failed() {
    return wait("Failed of id 0", [&] { return failed_ ? &*failed_ : nullptr; });
  }
  llm::Done done() {
    return wait("Done", [&] { return done_ ? &*done_ : nullptr; });
  }
  void wait_closed() {
    wait("Closed", [&] { return closed_ ? &closed_ : nullptr; });
  }

  // These show what is there now.
  bool has_ready() const { return look(ready_).has_value(); }
  bool has_failed() const { return look(failed_).has_value(); }
  bool has_done() const { return look(done_).has_value(); }
  bool is_closed() const { return look(closed_); }
  std::map<llm::SequenceId, Answer> answers() const { return look(answers_); }
  std::vector<llm::SequenceId> ended() const { return look(ended_); }
  std::vector<llm::Progress> progress() const { return look(progress_); }
  std::vector<std::string> warnings() const { return look(warnings_); }
  std::vector<llm::RunnerInfo> reopened() const { return look(reopened_); }
  std::vector<std::string> problems() const { return look(problems_); }

 private:
  // `find` gives a pointer to what is waited for, or null.
  template <class Find>
  std::remove_cvref_t<decltype(*std::declval<Find>()())> wait(const std::string& what, Find find) {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, kDeadline, [&] { return find() != nullptr; })) return *find();
    throw std::runtime_error("there never came " + what);
  }
  template <class T>
  T look(const T& value) const {
    std::lock_guard lock(mutex_);
    return value;
  }

  void take(llm::Progress& event) {
    if (ready_) problems_.emplace_back("Progress after Ready");
    progress_.push_back(event);
  }
  void take(llm::Warning& event) { warnings_.push_back(event.message); }
  void take(llm::Ready& event) {
    if (ready_ || failed_) problems_.emplace_back("Ready after Ready or Failed");
    ready_ = event;
  }
  void take(llm::Reopened& event) { reopened_.push_back(event.info); }
  void take(llm::Tokens& event) {
    auto& answer = answers_[event.id];
    if (answer.ended()) problems_.push_back("tokens after the end of request " + std::to_string(event.id));
    if (event.tokens.empty()) problems_.emplace_back("Tokens without tokens");
    const size_t so_far = answer.tokens.size() + event.tokens.size();
    if (!answer.logprobs.values.empty() && answer.logprobs.values.size() != so_far) {
      problems_.emplace_back("Tokens that do not follow their Logprobs");
    }
    answer.tokens.insert(answer.tokens.end(), event.tokens.begin(), event.tokens.end());
  }
  void take(llm::BeamAnswer& event) {
    auto& answer = answers_[event.id];
    if (answer.ended() || answer.score) problems_.push_back("a second answer of request " + std::to_string(event.id));
    answer.tokens = event.tokens;
    answer.score = event.score;
  }
  void take(llm::Logprobs& event) {
    auto& answer = answers_[event.id];
    if (answer.ended()) problems_.push_back("log-probabilities after the end of request " + std::to_string(event.id));
    if (event.values.empty()) problems_.emplace_back("Logprobs without values");
    auto& all = event.of_prompt ? answer.prompt_logprobs : answer.logprobs;
    all.values.insert(all.values.end(), event.values.begin(), event.values.end());
    all.top_tokens.insert(all.top_tokens.end(), event.top_tokens.begin(), event.top_tokens.end());
    all.top_values.insert(all.top_values.end(), event.top_values.begin(), event.top_values.end());
  }
  void take(llm::Reprefill& event) {
    auto& answer = answers_[event.id];
    if (answer.ended()) problems_.push_back("a re-prefill after the end of request " + std::to_string(event.id));
    answer.reprefills.push_back(event);
  }
  void take(llm::Finished& event) {
    auto& answer = end(event.id);
    answer.reason = event.reason;
    answer.timings = event.timings;
  }
  void take(llm::Failed& event) {
    if (event.id == 0) {
      if (failed_ || done_) problems_.emplace_back("Failed of id 0 after Failed or Done");
      failed_ = event;
      return;
    }
    auto& answer = end(event.id);
    answer.code = llm::name_of(event.code);
    answer.message = event.message;
  }
  void take(llm::Done& event) {
    if (done_ || failed_) problems_.emplace_back("Done after Done or Failed");
    done_ = event;
  }
  void take(llm::Closed&) { closed_ = true; }

  Answer& end(llm::SequenceId id) {
    auto& answer = answers_[id];
    if (answer.ended()) problems_.push_back("a second end of request " + std::to_string(id));
    ended_.push_back(id);
    return answer;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<llm::SequenceId, Answer> answers_;
  std::vector<llm::SequenceId> ended_;  // in the order of their ends
  std::vector<llm::Progress> progress_;
  std::vector<std::string> warnings_;
  std::vector<llm::RunnerInfo> reopened_;
  std::optional<llm::Ready> ready_;
  std::optional<llm::Failed> failed_;
  std::optional<llm::Done> done_;
  bool closed_ = false;
  std::vector<std::string> problems_;
};
