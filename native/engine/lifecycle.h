// How a model comes into the engine: opened, warmed up, opened again in another precision.
#pragma once
#include <memory>
#include <optional>

#include "engine/drafting/speculative_decoder.h"
#include "engine/event.h"
#include "engine/failure.h"
#include "engine/mailbox.h"
#include "engine/runner.h"
#include "engine/sampling/step_sampler.h"
#include "engine/scheduling/scheduler.h"
#include "engine/scheduling/step_costs.h"
#include "engine/warm_up.h"

namespace llm {

// A model that can compute, and what the engine's thread computes it with. The members refer to each other.
struct LoadedModel {
  std::unique_ptr<Runner> runner;  // first: the others use it and are destroyed before it
  RunnerInfo info;
  RopeBorder border;
  size_t vocabulary = 0;
  size_t kv_tokens = 0;  // what all sequences together can have; 0 = no such bound
  double warmup_ms = 0;
  WarmUp warm_up;  // what is left of it behind Ready
  StepCosts costs;
  std::optional<StepSampler> sampler;
  std::optional<SpeculativeDecoder> speculative_decoder;
  std::optional<Scheduler> scheduler;

  // Why a sequence can never be computed: a token that is not in the vocabulary, more tokens than the KV cache holds,
  // or beams that the runner does not.
  std::optional<Failure> refusal(const Sequence& sequence) const;

 private:
  std::optional<Failure> refusal_of_beams(const Sequence& sequence) const;
};

// On the engine's thread.
class Lifecycle {
 public:
  // All of them outlive this.
  Lifecycle(const EngineConfig& config, const RunnerFactory& factory, const EventSink& post, Mailbox& mailbox)
      : config_(config), factory_(factory), post_(post), mailbox_(mailbox) {}

  // Reads, compiles and warms up. Posts progress; throws what went wrong, Interrupted after stop(). Where the runner is
  // ours to choose and the paged one fails in its first steps, the stateful one is opened.
  std::unique_ptr<LoadedModel> open() const;

  // After wait() threw: makes the KV cache anew, which the next precision may make smaller. Throws what the factory
  // throws; then the model is of no use any more.
  static void reopen(LoadedModel& model);

 private:
  std::unique_ptr<LoadedModel> open_warm() const;
  std::unique_ptr<DraftModel> open_draft_model(const RunnerInfo& verifier) const;
  double warm_up(Runner& runner, WarmUp& steps, size_t left, StepCosts* costs) const;
  void open_finite(const EngineConfig& config, LoadedModel& model) const;

  const EngineConfig& config_;
  const RunnerFactory& factory_;
  const EventSink& post_;
  Mailbox& mailbox_;
};

}  // namespace llm
