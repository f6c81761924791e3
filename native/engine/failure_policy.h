// What becomes of the requests and the engine when a step does not succeed.
//
// A step that throws fails its sequences; the KV cache is made anew, and the others go on. After two such steps in a
// row the engine is dead: it says so (Failed of id 0), and every request, those there and later ones, fails with the
// first cause. Logits that are not finite are no failure while another precision is left: the model is opened in that
// one and everything is computed again.
#pragma once
#include <optional>

#include "engine/event.h"
#include "engine/failure.h"
#include "engine/lifecycle.h"
#include "engine/outcomes.h"

namespace llm {

// On the engine's thread.
class FailurePolicy {
 public:
  // Both outlive this.
  FailurePolicy(const EventSink& post, Outcomes& outcomes) : post_(post), outcomes_(outcomes) {}

  void step_succeeded() { last_.reset(); }
  void step_failed(LoadedModel& model, const Failure& failure);
  // A step of this model threw NonFinite.
  void compute_again(LoadedModel& model);

  // The engine is dead of this: it has no model, or its model is of no use. Reported before the requests fail, so that
  // whoever hears of a failed request knows that the engine takes no other. `model` is null when none was loaded.
  void die(LoadedModel* model, const Failure& cause);
  const std::optional<Failure>& cause_of_death() const { return dead_; }

 private:
  const EventSink& post_;
  Outcomes& outcomes_;
  std::optional<Failure> last_;  // of the step before this one
  std::optional<Failure> dead_;
};

}  // namespace llm
