// The rules of beam search for beams that compete with each other: all of a search, or one of its groups. Those of
// transformers 5.5.4 (GenerationMixin._beam_search); with groups those of 4.55.4, the last that has them
// (BeamSearchScorer).
#pragma once
#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "engine/beams/params.h"
#include "engine/event.h"
#include "engine/request.h"
#include "engine/types.h"

namespace llm {

class Constraint;
struct Sequence;

// A token behind one of the running beams.
struct Continuation {
  Sequence* beam;
  Token token;
  double score;                              // the sum of the processed log-probabilities of the answer's tokens
  std::shared_ptr<Constraint> constraint{};  // behind the token; null without a grammar, and where none was needed
  bool ended = false;                        // by its grammar
};

// An answer that has ended.
struct Hypothesis {
  double score;  // the sum over length ^ lengthPenalty
  std::vector<Token> tokens;
  FinishReason reason;
  Logprobs logprobs;
};

class BeamGroup {
 public:
  explicit BeamGroup(const RequestParams& params);

  // Beams that run, the best first. At the beginning it is one, with a score of 0. What a step has chosen is here also
  // when it was the last.
  std::vector<Continuation> running;
  // At most as many as the group has beams, the best first.
  std::vector<Hypothesis> ended;
  // Nothing runs any more.
  bool done = false;

  size_t size() const { return size_; }
  // So many of the best continuations are to be looked at that enough of them are no ends.
  size_t candidates() const { return size_ * std::max<size_t>(2, 1 + stops_.size()); }

  // Whether this token ends an answer.
  bool stops(Token token) const;
  // Goes on by a token. `best`: continuations of the running beams, the best first, each with a finite score;
  // `length`: tokens of an answer with the new one.
  void step(std::span<const Continuation> best, size_t length);

 private:
  void end(const Continuation& last, size_t length, FinishReason reason);
  bool is_done(double best, size_t length) const;
  double normalised(double score, size_t length) const;

  const size_t size_, max_length_;
  const bool alone_;  // the only group
  const double length_penalty_;
  const int32_t early_stopping_;
  const int32_t logprobs_;
  const std::vector<Token> stops_;
};

}  // namespace llm
