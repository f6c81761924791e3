#include "engine/beams/beam_group.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/sampling/log_probabilities.h"
#include "engine/sequence.h"

namespace llm {

BeamGroup::BeamGroup(const RequestParams& params)
    : size_(static_cast<size_t>(params.num_beams / params.num_beam_groups)),
      max_length_(static_cast<size_t>(params.max_new_tokens)),
      alone_(params.num_beam_groups == 1),
      length_penalty_(params.length_penalty),
      early_stopping_(params.early_stopping),
      logprobs_(params.logprobs),
      stops_(params.stop_token_ids) {}

void BeamGroup::step(std::span<const Continuation> best, size_t length) {
  const bool last = length == max_length_;
  running.clear();
  for (size_t rank = 0; rank < best.size(); ++rank) {
    const bool stopped = stops(best[rank].token);
    const bool by_grammar = best[rank].ended;
    if (stopped || by_grammar || (last && alone_)) {
      // What is not among the best is looked at to go on with alone.
      if (rank < size_) {
        end(best[rank], length,
            stopped      ? FinishReason::kStop
            : by_grammar ? FinishReason::kGrammar
                         : FinishReason::kLength);
      }
    } else if (running.size() < size_) {
      running.push_back(best[rank]);
    }
  }
  if (alone_) {
    done = last || running.empty() || is_done(running.front().score, length);
  } else {
    done = best.empty() || is_done(best.front().score, length);
    if (last && !done) {
      for (const auto& beam : running) end(beam, length, FinishReason::kLength);
    }
    done = done || last || running.empty();
  }
}

bool BeamGroup::stops(Token token) const { return std::find(stops_.begin(), stops_.end(), token) != stops_.end(); }

void BeamGroup::end(const Continuation& last, size_t length, FinishReason reason) {
  const double score = normalised(last.score, length);
  if (ended.size() == size_ && score <= ended.back().score) return;
  const auto place =
      std::find_if(ended.begin(), ended.end(), [score](const auto& other) { return score > other.score; });
  const auto& tokens = last.beam->tokens;
  const Beam& beam = *last.beam->beam;
  const auto answer = tokens.begin() + static_cast<std::ptrdiff_t>(last.beam->prompt);
  Hypothesis hypothesis{score, {answer, tokens.end()}, reason, beam.logprobs};
  hypothesis.tokens.push_back(last.token);
  if (logprobs_ >= 0) add_log_probability(beam.logits, last.token, static_cast<size_t>(logprobs_), hypothesis.logprobs);
  ended.insert(place, std::move(hypothesis));
  if (ended.size() > size_) ended.pop_back();
}

// Whether those that run are given up; `best` is the best score of these.
bool BeamGroup::is_done(double best, size_t length) const {
  if (ended.size() < size_) return false;
  if (early_stopping_ == kAtOnce) return true;
  const bool longest = early_stopping_ == kNever && length_penalty_ > 0;
  return normalised(best, longest ? max_length_ : length) <= ended.back().score;
}

double BeamGroup::normalised(double score, size_t length) const {
  return score / std::pow(static_cast<double>(length), length_penalty_);
}

}  // namespace llm
