// Where the states of a stateful runner's sequences are.
#pragma once
#include <cstddef>
#include <limits>
#include <list>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/runner.h"
#include "openvino/runners/sharing_proof.h"
#include "openvino/runners/state_batch.h"
#include "openvino/runners/step_groups.h"

namespace llm {

// Each sequence has a row of a batch. A row that nobody owns any more is kept, so that a later prompt that begins with
// all of its tokens goes on from there; of the batches that nobody owns a row of, one is kept.
class SequenceStates {
 public:
  // `graph` must outlive it. A prompt begins with a step of `prompt_chunk` tokens. A graph of static shapes computes
  // `whole_prompts` only.
  SequenceStates(const StatefulGraph& graph, size_t prompt_chunk, bool whole_prompts)
      : graph_(graph), prompt_chunk_(prompt_chunk), whole_prompts_(whole_prompts) {}

  Sharing sharing() const { return sharing_; }
  void share(Sharing sharing) { sharing_ = sharing; }
  // So many at once, with so many tokens together.
  void limit(size_t sequences, double room);
  // Makes a first infer request: some plugins find out then that they cannot run a graph.
  void open();

  // As in Runner.
  std::optional<size_t> admit(SequenceId sequence, Rope rope, std::span<const Token> tokens);
  bool reserve(SequenceId sequence, size_t length);
  void fork(SequenceId parent, SequenceId child);
  void drop(SequenceId sequence) noexcept;
  // Throws Failure ERR_ENGINE after a step that failed where states are not safe.
  void reset();
  bool has(SequenceId sequence) const { return places_.contains(sequence); }

  // Which inferences compute a step, one after the other; each gets a batch that holds its sequences and no others.
  // Every sequence must have been admitted.
  std::vector<StepGroup> prepare(std::span<const Span> spans);

 private:
  struct Place {
    StateBatch* batch;
    size_t tokens;  // that it has room for
  };

  bool has_room(size_t more) const;
  std::optional<StateBatch::Place> longest_beginning(Rope rope, std::span<const Token> tokens);
  bool is_worth_continuing(size_t held, size_t length) const;
  StateBatch& empty_batch(Rope rope, size_t tokens);
  void keep_one_idle(const StateBatch* kept);
  void settle(StepGroup& group, std::span<const Span> spans);

  const StatefulGraph& graph_;
  size_t prompt_chunk_;
  bool whole_prompts_;
  Sharing sharing_ = Sharing::kNone;
  size_t sequences_ = 1;
  double room_ = std::numeric_limits<double>::infinity();

  std::list<StateBatch> batches_;
  std::unordered_map<SequenceId, Place> places_;
  int postponed_ = 0;  // steps for which batches were not joined
};

}  // namespace llm
