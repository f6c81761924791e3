// How answers end: each once, as Finished or Failed.
#pragma once
#include <functional>
#include <list>
#include <vector>

#include "engine/beams/beam_search.h"
#include "engine/event.h"
#include "engine/failure.h"
#include "engine/lifecycle.h"
#include "engine/metrics.h"
#include "engine/sequence.h"

namespace llm {

// On the engine's thread. A sequence that ends takes the answers of its group with it, which have not begun, and a beam
// all that belongs to its search.
class Outcomes {
 public:
  using Sequences = std::list<Sequence>;

  // Both outlive this.
  Outcomes(const EventSink& post, MetricsBoard& metrics) : post_(post), metrics_(metrics) {}

  // The model that computes the sequences; null before there is one and when there is none any more.
  void attach(LoadedModel* model) { model_ = model; }

  void finish(Sequences& list, Sequences::iterator sequence, FinishReason reason);
  // A search is done; `sequence` is one of its beams. Its answers are the best of what ended.
  void finish(Sequences::iterator sequence, BeamSearch& search);
  void fail(Sequences& list, Sequences::iterator sequence, const Failure& failure);
  // If it runs or waits.
  void fail(SequenceId id, const Failure& failure);
  // The runner, which may be broken, is not asked.
  void fail_all(Sequences& list, const Failure& failure);
  void cancel_all(Sequences& list);
  // One that runs or waits; the others of its group or search go on.
  void cancel(SequenceId id);
  // Beams of the same search as `one` that are not to be kept.
  void drop_beams(const Sequence& one, const std::function<bool(const Sequence&)>& kept);

 private:
  std::vector<SequenceId> take_out(Sequences& list, Sequences::iterator sequence);
  Sequences::iterator erase(Sequences& list, Sequences::iterator sequence);

  const EventSink& post_;
  MetricsBoard& metrics_;
  LoadedModel* model_ = nullptr;
};

}  // namespace llm
