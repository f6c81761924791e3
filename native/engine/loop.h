// The one loop: mailbox -> admission -> prefill and decode steps -> sampler -> stop by ids -> events.
#pragma once
#include <atomic>
#include <memory>
#include <span>
#include <thread>
#include <utility>

#include "engine/beams/beam_decoder.h"
#include "engine/event.h"
#include "engine/failure_policy.h"
#include "engine/lifecycle.h"
#include "engine/mailbox.h"
#include "engine/metrics.h"
#include "engine/outcomes.h"
#include "engine/request.h"
#include "engine/runner.h"
#include "engine/sampling/grammars.h"
#include "engine/sequence.h"

namespace llm {

// Owns the engine's thread, the only one that touches the runner. All methods may be called from any thread and do not
// block; the destructor stops the thread and joins it.
class EngineLoop {
 public:
  // So long nobody must have asked for anything before the warm-up goes on behind Ready. Who waited for the model asks
  // at once, and shall not wait for a step that is not theirs.
  static constexpr std::chrono::milliseconds kQuiet{100};

  // Without `grammars` every request with a grammar fails with ERR_NOT_BUILT.
  EngineLoop(EngineConfig config, RunnerFactory factory, EventSink post, GrammarCompilerFactory grammars = nullptr,
             Clock::duration quiet = kQuiet);
  ~EngineLoop();
  EngineLoop(const EngineLoop&) = delete;
  EngineLoop& operator=(const EngineLoop&) = delete;

  // Once, before the first request with a grammar.
  void learn_vocabulary(Vocabulary vocabulary) { grammars_.learn(std::move(vocabulary)); }
  // Exactly one Finished or Failed follows for each id of the request.
  void submit(Request request);
  // Takes effect after the step that runs. Unknown and ended ids are ignored.
  void cancel(SequenceId id) { mailbox_.cancel(id); }
  // As of the last step.
  Metrics metrics() const;
  // Every request ends as cancelled, or fails when the engine is dead; then Closed comes. Nothing may be submitted
  // after it.
  void stop() { mailbox_.stop(); }
  // Whether the thread is about to be gone: joining it does not wait.
  bool ended() const noexcept { return ended_; }

 private:
  void run();
  void load();
  void serve();
  bool warms_up() const;
  void warm_up();
  void warm_up_failed(const Failure& failure);
  void refuse_requests();
  void cancel_requests();
  void receive(std::list<Sequence>& submitted);
  void let_in(std::list<Sequence>& from, std::list<Sequence>::iterator sequence);
  void take_compiled();
  void step();
  Rows compute(std::span<const Span> spans);
  void draft(std::span<Sequence* const> decoding);
  void start_masks(std::span<const Span> spans);
  void take_held();
  void take_late_beams();
  void take(Sequence& sequence, const Span& span, const Rows& rows, size_t row);
  void take_answer(Sequence& sequence, const Rows& rows, size_t row);
  void accept(Sequence& sequence, const Rows& rows, size_t row);
  void fork_group(Sequence& sequence, const Rows& rows, size_t row);
  void note_reprefill(Sequence& sequence);

  const EngineConfig config_;
  const RunnerFactory factory_;
  const EventSink post_;
  const Clock::duration quiet_;
  const Clock::time_point begun_ = Clock::now();

  Mailbox mailbox_;
  MetricsBoard metrics_;
  Grammars grammars_;  // after the mailbox, which its threads nudge
  std::atomic<bool> ended_ = false;

  // Engine thread only.
  Outcomes outcomes_{post_, metrics_};
  FailurePolicy failures_{post_, outcomes_};
  BeamDecoder beam_decoder_{post_, outcomes_};
  std::unique_ptr<LoadedModel> model_;
  bool stalled_ = false;  // the last step had nothing to compute: what runs waits for masks

  std::thread thread_;  // last: starts when everything above exists
};

}  // namespace llm
