// The one loop: mailbox -> admission -> prefill and decode steps -> sampler -> stop by ids -> events.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "engine/drafting/speculative_decoder.h"
#include "engine/event.h"
#include "engine/failure.h"
#include "engine/runner.h"
#include "engine/scheduling/scheduler.h"
#include "engine/scheduling/step_costs.h"
#include "engine/sequence.h"

namespace llm {

// Owns the engine's thread, the only one that touches the runner. All methods may be called from any thread and do not
// block; the destructor stops the thread and joins it.
class EngineLoop {
 public:
  EngineLoop(EngineConfig config, RunnerFactory factory, EventSink post);
  ~EngineLoop();
  EngineLoop(const EngineLoop&) = delete;
  EngineLoop& operator=(const EngineLoop&) = delete;

  // Exactly one Finished or Failed follows for each id of the request.
  void submit(Request request);
  // Takes effect after the step that runs. Unknown and ended ids are ignored.
  void cancel(SequenceId id);
  // As of the last step.
  Metrics metrics() const;
  // Every request ends as cancelled, or fails when the engine is dead; then Closed comes. Nothing may be submitted
  // after it.
  void stop();
  // Whether the thread is about to be gone: joining it does not wait.
  bool ended() const noexcept { return ended_; }

 private:
  using Sequences = std::list<Sequence>;
  struct Mail {
    Sequences submitted;
    std::vector<SequenceId> cancelled;
    bool stopping = false;
  };

  void run();
  bool load();
  std::unique_ptr<DraftModel> open_draft_model();
  void close_runner();
  void refuse_requests();
  void cancel_requests();
  void die(const Failure& cause);
  double warm_up(Runner& runner, StepCosts* costs);
  double warm_up_finite();
  Mail take_mail();
  bool stopping() const;
  void serve();
  void receive(Sequences& submitted);
  bool outgrows_cache(const Sequence& sequence) const;
  Failure cache_too_small(const Sequence& sequence) const;
  void step();
  void guess(std::span<Sequence* const> decoding);
  void accept(Sequence& sequence, const Rows& rows, size_t row);
  void note_reprefill(Sequence& sequence);
  void fork_siblings(Sequence& sequence, const Rows& rows, size_t row);
  void step_failed(const Failure& failure);
  void compute_again();
  void cancel_now(SequenceId id);
  void end(Sequences& list, Sequences::iterator sequence, FinishReason reason);
  void fail(Sequences& list, Sequences::iterator sequence, const Failure& failure);
  void fail_all(const Failure& failure);
  void cancel_all(Sequences& list);
  void note_metrics();
  template <class Work>
  void interruptible(std::function<void()> interrupt, Work work);

  const EngineConfig config_;
  const RunnerFactory factory_;
  const EventSink post_;
  const Clock::time_point begun_ = Clock::now();

  // Engine thread only.
  std::unique_ptr<Runner> runner_;
  std::optional<SpeculativeDecoder> guesses_;
  size_t vocabulary_ = 0;
  size_t kv_tokens_ = 0;  // what all sequences together can have; 0 = no such bound
  bool can_draft_ = false;
  RopeBorder border_;
  StepCosts costs_;
  std::optional<Scheduler> scheduler_;
  Metrics counts_;
  std::optional<Failure> step_failure_;  // of the step before this one
  std::optional<Failure> dead_;          // every request, those there and later ones, fails with this

  // Shared, under mutex_.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Sequences inbox_;
  std::vector<SequenceId> cancelled_;
  std::function<void()> interrupt_;  // while something computes: ends that
  bool stopping_ = false;
  Metrics metrics_;

  std::atomic<bool> ended_ = false;

  std::thread thread_;  // last: starts when everything above exists
};

}  // namespace llm
