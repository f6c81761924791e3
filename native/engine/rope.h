// LongRoPE: a model with two sets of position factors, one for sequences up to the length that it was trained on and
// one for longer ones. Which set holds for a sequence follows from its whole length. So the keys that were computed
// before it grew beyond the border are wrong after it: the sequence is dropped and computed again from its first token,
// and the prefix cache has a root for each side. As the graph takes one set for all that a step computes, a step must
// never hold sequences from both sides.
//
// The exports compare max(position_ids) + 1 of a whole step with the border: chunks of a long prompt would look short,
// and one long sequence would change the factors of its neighbours. openvino/graph/long_rope.cc puts an input in its
// place, which each step sets.
#pragma once
#include <cstddef>
#include <limits>

namespace llm {

enum class Rope { kShort, kLong };

inline Rope other(Rope rope) { return rope == Rope::kShort ? Rope::kLong : Rope::kShort; }

// Where the border is. Pure.
class RopeBorder {
 public:
  // Sequences of up to `original` tokens take the short factors; 0 = all sequences take the same.
  explicit RopeBorder(size_t original = 0) : original_(original) {}

  // The factors of a sequence that has `length` tokens with those that are to be computed.
  Rope of(size_t length) const { return original_ > 0 && length > original_ ? Rope::kLong : Rope::kShort; }

  // How many tokens may be put behind a sequence of that length so that it keeps its factors.
  size_t room(size_t length) const {
    return original_ > 0 && length <= original_ ? original_ - length : std::numeric_limits<size_t>::max();
  }

 private:
  size_t original_;
};

}  // namespace llm
