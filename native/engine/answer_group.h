// The answers to one prompt share its computation: the first answer's sequence computes it and holds the others in a
// group until then. Then each is forked off; if the first ends before, the next takes its place.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "engine/types.h"

namespace llm {

class Constraint;

// Answers that have not begun, in the order of the request.
class AnswerGroup {
 public:
  struct Answer {
    SequenceId id;
    uint32_t seed;
    std::shared_ptr<Constraint> constraint;  // null without a grammar, and while that is compiled
  };

  void add(Answer answer) { answers_.push_back(std::move(answer)); }
  bool empty() const { return answers_.empty(); }
  size_t size() const { return answers_.size(); }

  // The first answer leaves the group, which must not be empty.
  void take_first() { answers_.erase(answers_.begin()); }
  // False when the answer is not in the group.
  bool remove(SequenceId id) {
    return std::erase_if(answers_, [id](const Answer& a) { return a.id == id; }) > 0;
  }

  auto begin() { return answers_.begin(); }
  auto end() { return answers_.end(); }
  auto begin() const { return answers_.begin(); }
  auto end() const { return answers_.end(); }

 private:
  std::vector<Answer> answers_;
};

}  // namespace llm
