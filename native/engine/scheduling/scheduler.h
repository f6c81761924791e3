// Which sequences the next step computes, and how much of each. Pure: the runner is only asked for room.
//
// Decoding sequences come first, each with its next token and what is guessed behind it; prompts are computed in chunks
// with what is left of the step, so that answers that run keep their pace. Who waits is served by rank: the time it
// came, less 10 seconds per unit of priority, so that every request is first one day. When the KV cache is full, the
// sequence of the last rank gives its blocks up, waits again and is computed anew from what is still cached; the first
// can always take all the blocks there are, so some sequence always proceeds.
//
// All sequences of a step have the same position factors (see rope.h). While both sides of the border have work, steps
// take turns; one that has grown beyond it gives its place up and waits, by its rank, to be computed again.
#pragma once
#include <list>
#include <span>
#include <vector>

#include "engine/runner.h"
#include "engine/scheduling/prefill_budget.h"
#include "engine/sequence.h"

namespace llm {

class Scheduler {
 public:
  struct Limits {
    size_t sequences = 1;      // in the batch
    size_t prefill_chunk = 1;  // prompt tokens of a step
    size_t guesses = 0;        // most that a draft model puts behind a sequence's tokens
    RopeBorder border{};
  };
  static constexpr double kSecondsPerPriority = 10;
  // Prompt tokens beside running answers: so many at least, whatever they cost, and so many as long as that is not
  // known.
  static constexpr size_t kSmallestChunk = 3;
  static constexpr size_t kFirstChunk = 15;
  // And all rows of such a step are a multiple of this: the first step of each number takes longer.
  static constexpr size_t kEvenRows = 4;

  Scheduler(Runner& runner, Limits limits);

  // Takes a sequence, new or preempted, in among those who wait. Its rank must be set.
  void add(std::list<Sequence>& from, std::list<Sequence>::iterator sequence);

  // Begins a step: room for the next token of every running sequence. Returns those that the step decodes.
  std::span<Sequence* const> make_room();
  // Ends it: admits who has room, and gives the spans of the step. Guesses that were put behind a
  // decoding sequence's tokens must have room. Empty when nothing can be computed.
  std::span<const Span> plan();
  // Whose the spans are, in the same order. A sequence that ends leaves a dangling pointer behind.
  std::span<Sequence* const> stepping() const { return stepping_; }
  // Those of the step that was planned, or of the one whose planning threw; none of their tokens may be looked at then.
  std::span<const Span> spans() const { return spans_; }
  // The planned step took so long.
  void took(double milliseconds);

  // The runner has lost everything: all wait again.
  void preempt_all();

  // A place in the batch for a sequence that the runner knows already (a fork).
  bool has_place() const { return running.size() < limits_.sequences; }
  void join(std::list<Sequence>& from);

  std::list<Sequence> waiting;  // by rank
  std::list<Sequence> running;  // by rank
  int64_t preemptions = 0;
  int64_t prefix_hits = 0;    // requests that found a beginning of their prompt in the cache
  int64_t cached_tokens = 0;  // of those beginnings

 private:
  using Iterator = std::list<Sequence>::iterator;
  void preempt(Iterator sequence);
  bool grown_beyond(const Sequence& sequence) const;
  bool has_work(Rope rope) const;
  void take_decoding();
  void compute_all();
  void admit(size_t& budget);
  bool computes_the_same(const Sequence& sequence, size_t cached) const;
  void compute(Sequence& sequence, size_t count);

  Runner& runner_;
  const Limits limits_;
  PrefillBudget pace_;
  bool preempted_ = false;    // in this step: then nobody is admitted
  bool paced_ = false;        // whether answers that run held its prompts down
  Rope rope_ = Rope::kShort;  // of this step
  std::vector<Sequence*> decoding_;
  std::vector<Span> spans_;
  std::vector<Sequence*> stepping_;
};

}  // namespace llm
