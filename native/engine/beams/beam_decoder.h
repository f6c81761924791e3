// Beam searches between the steps: from the logits behind all beams of a search to its next beams, and at the end to
// its answers.
#pragma once
#include <span>

#include "engine/beams/beam_search.h"
#include "engine/event.h"
#include "engine/lifecycle.h"
#include "engine/outcomes.h"

namespace llm {

// On the engine's thread. Beams are forks of each other; the first one has the id of the first answer, the others ids
// below 0, which nobody else has.
class BeamDecoder {
 public:
  // Both outlive this.
  BeamDecoder(const EventSink& post, Outcomes& outcomes) : post_(post), outcomes_(outcomes) {}

  // The logits behind a beam's tokens. When they are the last that its search waits for, the search goes on by a token;
  // then any beam of it may be gone.
  void take(LoadedModel& model, Sequence& sequence, std::span<const float> logits);
  // A search whose masks came later than its logits goes on, if they are all there now.
  void take_late(LoadedModel& model, Sequence& sequence);

 private:
  void follow(const BeamGroup& group, std::span<Continuation> best) const;
  void advance(LoadedModel& model, BeamSearch& search);
  void run_on(LoadedModel& model, BeamSearch& search);
  Sequence& fork(LoadedModel& model, const Sequence& parent);

  const EventSink& post_;
  Outcomes& outcomes_;
  SequenceId next_id_ = -1;
};

}  // namespace llm
