// Watches the logits of a runner. When they are NaN or infinite (an f16 computation that overflowed, mostly) the runner
// is opened again with the next property of the ladder, by default another scale of the activations, then f32.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/event.h"
#include "engine/failure.h"
#include "engine/forwarding_runner.h"
#include "engine/runner.h"

namespace llm {

// Thrown by wait() as long as another rung is left: reset() takes it. Never reaches a user.
class NonFinite : public Failure {
 public:
  NonFinite() : Failure(ERR_NON_FINITE, "the model computed logits that are NaN or infinite") {}
};

// A runner that is another one, opened by the factory with the rungs of `config.precision_fallback` one after the
// other: each is a property `KEY=VALUE` that is added to the configured ones, in place of the rung before it. A rung is
// left out when the device has no such property, when it is in effect already, or when the model's file sets that
// property.
class PrecisionFallback : public ForwardingRunner {
 public:
  PrecisionFallback(const EngineConfig& config, RunnerFactory open, EventSink post);

  // Throws NonFinite when a rung is left, Failure ERR_NON_FINITE when none is and this runner has not computed a finite
  // row yet. After one it only hands the rows on: then it is the prompt, and the sampler fails that one.
  Rows wait() override;
  // After NonFinite: closes the runner, so that it and the next are never in memory both, and opens the next, which
  // posts Reopened. Throws what the factory throws; then there is no runner any more, and only kv() and the destructor
  // may be called.
  void reset() override;
  // Whether the runner that computes now is a KeptRunner.
  bool kept() const;
  KvUse kv() const override { return runner_ ? runner_->kv() : KvUse{}; }

 protected:
  Runner& inner() const override { return *runner_; }

 private:
  std::optional<size_t> next_rung() const;
  std::string story() const;

  EngineConfig config_;
  const RunnerFactory open_;
  const EventSink post_;
  std::unique_ptr<Runner> runner_;
  std::vector<std::string> configured_;  // properties without any rung
  size_t rung_ = 0;                      // the next that may be tried
  std::vector<std::string> tried_;
  bool sound_ = false;     // this runner has computed a finite row
  bool climbing_ = false;  // reset() shall open the next rung
  bool announced_ = true;  // the user was told of the rung that computes
};

}  // namespace llm
