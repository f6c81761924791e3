// Penalties of tokens that were there before: repetition (Keskar et al. 2019, arXiv:1909.05858; transformers'
// RepetitionPenaltyLogitsProcessor) counts prompt and answer, presence and frequency (OpenAI's definitions) the answer.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/sampling/logits_processor.h"
#include "engine/sampling/params.h"

namespace llm {

class Penalties : public LogitsProcessor {
 public:
  explicit Penalties(const SamplingParams& params);
  void process(std::span<float> logits, const TokensSoFar& so_far) override;

 private:
  struct Seen {
    Token token;
    int32_t in_answer;  // how often
  };
  Seen* seen(Token token);
  void catch_up(const TokensSoFar& so_far);

  float repetition_, presence_, frequency_;
  size_t prompt_tokens_ = 0, answer_tokens_ = 0;  // that were counted
  std::vector<Seen> seen_;                        // each token once
  std::vector<int32_t> place_;                    // of a token in seen_, plus one; 0: not there
};

}  // namespace llm
