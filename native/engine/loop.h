// The one loop: mailbox -> admission -> prefill and decode steps -> sampler -> stop by ids -> events.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "event.h"
#include "failure.h"
#include "runner.h"
#include "sampler.h"

namespace llm {

// Makes the runner on the engine's thread (reads and compiles a model); reports progress and warnings to the sink.
using RunnerFactory = std::function<std::unique_ptr<Runner>(const EngineConfig&, const EventSink&)>;

// Owns the engine's thread, the only one that touches the runner. All methods may be called from any thread and do not
// block; the destructor stops the thread and joins it.
class EngineLoop {
 public:
  EngineLoop(EngineConfig config, RunnerFactory factory, EventSink post);
  ~EngineLoop();
  EngineLoop(const EngineLoop&) = delete;
  EngineLoop& operator=(const EngineLoop&) = delete;

  // Exactly one Finished or Failed follows for each request.
  void submit(Request request);
  // Takes effect after the step that runs. Unknown and ended ids are ignored.
  void cancel(SequenceId id);
  // Every request ends as cancelled, then Closed comes. Nothing may be submitted after it.
  void stop();
  // Whether the thread is about to be gone: joining it does not wait.
  bool ended() const noexcept { return ended_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Sequence {
    explicit Sequence(Request r, Clock::time_point now)
        : request(std::move(r)), tokens(request.prompt), sampler(request.params), submitted(now) {}
    Request request;
    std::vector<Token> tokens;  // prompt and answer
    size_t computed = 0;        // leading tokens that are in the KV cache
    bool admitted = false;      // false again when the cache was lost: admitted anew before the next step
    size_t cached = 0;          // tokens that the first admission found in the cache
    Sampler sampler;
    Clock::time_point submitted, started{}, first_token{}, last_token{};
    size_t generated() const { return tokens.size() - request.prompt.size(); }
  };
  struct Mail {
    std::vector<SequenceId> cancelled;
    bool stopping = false;
  };

  void run();
  bool load();
  double warm_up();
  Mail take_mail();
  void serve();
  void admit();
  void step();
  void readmit(Sequence& sequence);
  void accept(Sequence& sequence, Token token);
  void step_failed(const Failure& failure);
  void end(SequenceId id, FinishReason reason);
  void fail(SequenceId id, const Failure& failure);
  void fail_all(const Failure& failure);
  Rows compute(std::span<const Span> spans);

  const EngineConfig config_;
  const RunnerFactory factory_;
  const EventSink post_;

  // Engine thread only.
  std::unique_ptr<Runner> runner_;
  size_t vocabulary_ = 0;
  size_t max_sequences_ = 0;
  std::list<Sequence> waiting_;
  std::list<Sequence> running_;  // in the order of admission; a list, because a step points into its elements
  std::vector<Span> spans_;
  std::vector<Sequence*> stepping_;
  std::optional<Failure> step_failure_;  // of the step before this one
  std::optional<Failure> dead_;          // every request, waiting and later, fails with this

  // Shared, under mutex_.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::list<Sequence> inbox_;
  std::vector<SequenceId> cancelled_;
  Runner* computing_ = nullptr;  // while a step or a warm-up runs: what stop() interrupts
  bool stopping_ = false;

  std::atomic<bool> ended_ = false;

  std::thread thread_;  // last: starts when everything above exists
};

}  // namespace llm
