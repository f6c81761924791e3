// Which sequences the next step computes, and how much of each. Pure: the runner is only asked for room.
//
// Running answers come first: each decodes its next token and the drafts behind it. Prompts are computed in chunks, in
// what is left of the step, so that they do not slow the answers down (see PrefillBudget).
//
// Waiting sequences are admitted by rank: the time when they came, less 10 seconds per unit of priority. So a higher
// priority goes first, and every request is first in the end. When the KV cache is full, the running sequence with the
// last rank is preempted: it gives up its blocks, waits again, and is computed anew from what is still cached. The
// first one can take all blocks, so one sequence always proceeds. Beams of a search give up their blocks together.
//
// Logits are wanted for each token of a prompt whose log-probabilities are reported. A step has a bounded number of
// such rows, so that the logits of a whole prompt never exist at once; and of such a prompt the cache gives only what
// comes before the first of these tokens.
//
// All sequences of a step have the same position factors (see rope.h). While both sides of the border have work, steps
// take turns. A sequence that has grown beyond the border is preempted and computed again.
//
// How prompts are cut. Without running answers a chunk has `prefill_chunk` tokens: that depends on the model alone and
// never on measured time, because with a u8 KV cache another division of the prompt may change an answer. Beside
// running answers the chunk follows what the steps take. It stays small on all machines: beside 1,000 to 2,000 tokens
// of cache a chunk costs about 10 ms more than its rows (SmolLM2), but steps of more than 256 rows are no faster, and
// each number of rows above 256 that was computed once keeps 1.3 MB in OpenVINO (SmolLM2, f32: 126 MB for the sizes 300
// to 400, none for sizes up to 256).
//
// Beside n tokens of cache a step takes time in proportion to n, and only attention does (tiny LongRoPE model, f32: 0.4
// ms a token of answer behind 1,000 tokens, 1.1 behind 30,000, 3.0 behind 100,000). Engine, scheduler and block tables
// take the same time per step with 1,000 and with 100,000.
#pragma once
#include <array>
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
    bool long_steps = false;   // as many beside running answers; see RunnerInfo.wants_long_steps
    size_t logit_rows = 1;     // of prompts, in a step
    size_t continued = 0;      // of a sequence that has computed some already; 0 = any number
    size_t drafts = 0;         // most that a draft model puts behind a sequence's tokens
    RopeBorder border{};
  };
  static constexpr double kSecondsPerPriority = 10;
  // Prompt tokens beside running answers: at least this many, whatever they cost,
  static constexpr size_t kSmallestChunk = 3;
  // and this many while their cost is unknown.
  static constexpr size_t kFirstChunk = 15;
  // The rows of such a step are a multiple of this, because the first step with a new number of rows takes longer.
  static constexpr size_t kEvenRows = 4;

  Scheduler(Runner& runner, Limits limits);

  // Puts a sequence, new or preempted, among those that wait. Its rank must be set.
  void add(std::list<Sequence>& from, std::list<Sequence>::iterator sequence);

  // Begins a step: room for the next token of every running sequence. Returns those that the step decodes.
  std::span<Sequence* const> make_room();
  // Ends it: admits sequences that have room, and gives the spans of the step; empty when nothing can be computed.
  // Drafts that were put behind a decoding sequence's tokens must have room.
  std::span<const Span> plan();
  // Whose the spans are, in the same order. A sequence that ends leaves a dangling pointer behind.
  std::span<Sequence* const> stepping() const { return stepping_; }
  // Those of the step that was planned, or of the one whose planning threw; none of their tokens may be looked at then.
  std::span<const Span> spans() const { return spans_; }
  // Tells how long the planned step took.
  void took(double milliseconds);

  // The runner has lost everything: all sequences wait again.
  void preempt_all();

  bool idle() const { return running.empty() && waiting.empty(); }

  // A place in the batch for a sequence that the runner knows already (a fork).
  bool has_place(size_t places = 1) const;
  void join(std::list<Sequence>& from);

  std::list<Sequence> compiling;  // their grammars are compiled: not yet for the scheduler to look at
  std::list<Sequence> waiting;    // by rank
  std::list<Sequence> running;    // by rank
  std::array<std::list<Sequence>*, 3> lists() { return {&running, &waiting, &compiling}; }
  int64_t preemptions = 0;
  int64_t prefix_hits = 0;    // requests that found a beginning of their prompt in the cache
  int64_t cached_tokens = 0;  // of those beginnings

 private:
  using Iterator = std::list<Sequence>::iterator;
  void preempt(Iterator sequence);
  void give_up(Iterator sequence);
  bool runs_alone(const Sequence& sequence) const;
  void free_waiting_beams();
  bool grown_beyond(const Sequence& sequence) const;
  bool has_work(Rope rope) const;
  void take_decoding();
  void compute_all();
  void admit(size_t& budget);
  bool computes_the_same(const Sequence& sequence, size_t cached) const;
  size_t blocks_for(size_t tokens) const;
  std::optional<size_t> admit_cached(const Sequence& sequence);
  size_t chunk_of(const Sequence& sequence, size_t budget) const;
  void compute(Sequence& sequence, size_t count);

  Runner& runner_;
  const Limits limits_;
  PrefillBudget prefill_budget_;
  bool preempted_ = false;       // in this step: then nobody is admitted
  bool beside_answers_ = false;  // whether its prompts had to leave room for running answers
  Rope rope_ = Rope::kShort;     // of this step
  size_t rows_left_ = 0;         // of those that a step has for prompts
  std::vector<Sequence*> decoding_;
  std::vector<Span> spans_;
  std::vector<Sequence*> stepping_;
};

}  // namespace llm
