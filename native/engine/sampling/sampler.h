// From one row of logits to one token.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/sampling/params.h"
#include "engine/types.h"

namespace llm {

// Order as in transformers: temperature, then top-k, then each truncation over what is left, then XTC, then one draw.
// One per sequence: it holds the sequence's random state, so an answer does not depend on its neighbours.
class Sampler {
 public:
  // Params must be in range. Greedy: the lowest id wins a tie.
  explicit Sampler(const SamplingParams& params);

  // Throws Failure ERR_NON_FINITE when the row holds NaN or +infinity, or nothing but -infinity. `certain`: only one
  // token is left, and no random number is drawn, so that later tokens do not depend on whether this one was sampled.
  Token sample(std::span<const float> logits, bool certain = false);

  // What the last token was drawn from, until the next; nothing when it was the most likely one.
  std::optional<Kept> drawn_from() const { return temperature_ == 0 ? std::nullopt : std::optional(kept_); }

 private:
  double uniform();  // [0, 1), 53 bits
  void keep_top_k(std::span<const float> logits, float max);
  void keep_likely(std::span<const float> logits, float max);
  void add(float logit, float max, size_t token);
  Token draw(bool certain);

  float temperature_;
  float inverse_;  // of the temperature
  size_t top_k_;
  size_t least_;  // tokens that a truncation keeps
  Truncation truncation_;
  double xtc_probability_, xtc_threshold_;
  std::vector<Token> xtc_protected_;  // ascending
  uint64_t state_;
  std::vector<Candidate> candidates_;  // kept between calls: no allocation after the first
  Kept kept_{};
  double total_ = 0;  // weight of the candidates, and of those that need not be looked at
};

}  // namespace llm
