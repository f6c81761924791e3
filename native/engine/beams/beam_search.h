// One request's beam search: its answers to be and its beams. Each beam is a sequence of its own for scheduler and
// runner. All of them go on together, when each one's logits are there, and give up their room together.
#pragma once
#include <algorithm>
#include <utility>
#include <vector>

#include "engine/beams/beam_group.h"
#include "engine/request.h"
#include "engine/sequence.h"

namespace llm {

class BeamSearch {
 public:
  BeamSearch(const RequestParams& params, std::vector<SequenceId> answers)
      : groups(static_cast<size_t>(params.num_beam_groups), BeamGroup(params)), answers_(std::move(answers)) {}

  std::vector<BeamGroup> groups;

  // The sequence of the prompt, from which all beams come.
  void begin(Sequence& first) {
    for (auto& group : groups) group.running.push_back({&first, -1, 0});
  }

  bool done() const {
    return std::all_of(groups.begin(), groups.end(), [](const auto& group) { return group.done; });
  }
  // Whether the logits behind all running beams are there, and their masks.
  bool ready() const {
    return std::all_of(groups.begin(), groups.end(), [](const auto& group) {
      return std::all_of(group.running.begin(), group.running.end(), [](const auto& running) {
        const auto& constraint = running.beam->constraint;
        return !running.beam->beam->logits.empty() && (!constraint || constraint->ready());
      });
    });
  }

  // Their ids, the best answer first; kCancelled for those that nobody wants any more.
  static constexpr SequenceId kCancelled = 0;
  const std::vector<SequenceId>& answers() const { return answers_; }
  bool has(SequenceId id) const { return std::find(answers_.begin(), answers_.end(), id) != answers_.end(); }
  size_t wanted() const {
    return answers_.size() - static_cast<size_t>(std::count(answers_.begin(), answers_.end(), kCancelled));
  }
  // For events that are of no answer in particular.
  SequenceId first_wanted() const {
    return *std::find_if(answers_.begin(), answers_.end(), [](SequenceId id) { return id != kCancelled; });
  }
  void cancel(SequenceId id) { std::replace(answers_.begin(), answers_.end(), id, kCancelled); }

 private:
  std::vector<SequenceId> answers_;
};

// Whether both are beams of one search.
inline bool together(const Sequence& a, const Sequence& b) {
  return a.beam && b.beam && a.beam->search == b.beam->search;
}

}  // namespace llm
