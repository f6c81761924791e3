// Which sequences of a step are computed in one inference of a stateful graph.
#pragma once
#include <cstddef>
#include <vector>

#include "openvino/runners/sharing_proof.h"
#include "openvino/runners/state_batch.h"

namespace llm {

struct StepGroup {
  std::vector<StateBatch*> batches;  // where the sequences are
  std::vector<size_t> spans;         // which ones of the step, ascending
  size_t longest, shortest;          // tokens that the sequences have in the state
};

// Puts a span of one token behind `tokens` others into the group of its batch.
void add_to_groups(std::vector<StepGroup>& groups, StateBatch& batch, size_t span, size_t tokens);

// Joins groups that may share an inference, unless padding would take more memory than `room` tokens or far more than
// the sequences.
void join(std::vector<StepGroup>& groups, Sharing sharing, double room);

// Whether a state with so many columns is far longer than what it is for.
constexpr bool is_wasteful(size_t columns, size_t tokens) { return columns > 2 * tokens + 256; }

}  // namespace llm
