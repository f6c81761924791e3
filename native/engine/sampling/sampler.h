// From one row of logits to one token.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "engine/types.h"

namespace llm {

// Order as in transformers: temperature, then top-k, then top-p over what is left, then one draw.
// One per sequence: it holds the sequence's random state, so an answer does not depend on its neighbours.
class Sampler {
 public:
  // temperature 0 is greedy (the lowest id wins a tie); top_k 0 keeps all; top_p in (0, 1].
  explicit Sampler(const RequestParams& params);

  // Throws Failure ERR_NON_FINITE when the row holds NaN or +infinity, or nothing but -infinity.
  Token sample(std::span<const float> logits);

 private:
  struct Candidate {
    float weight;  // exp((logit - max) / temperature)
    Token token;
  };
  double uniform();  // [0, 1), 53 bits
  void keep_top_k(std::span<const float> logits, float max);
  void keep_all(std::span<const float> logits, float max);
  Token draw();

  float temperature_;
  size_t top_k_;
  double top_p_;
  uint64_t state_;
  std::vector<Candidate> candidates_;  // kept between calls: no allocation after the first
};

}  // namespace llm
