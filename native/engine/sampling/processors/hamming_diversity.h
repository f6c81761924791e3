// Makes groups of beams differ: a token loses the penalty each time that a group before has chosen it in this step
// (Vijayakumar et al. 2016, arXiv:1610.02424; transformers' HammingDiversityLogitsProcessor).
#pragma once
#include <span>

#include "engine/sampling/logits_processor.h"

namespace llm {

class HammingDiversity : public LogitsProcessor {
 public:
  explicit HammingDiversity(double penalty) : penalty_(static_cast<float>(penalty)) {}
  void process(std::span<float> logits, const TokensSoFar& so_far) override {
    for (const Token token : so_far.groups_before) {
      if (static_cast<size_t>(token) < logits.size()) logits[static_cast<size_t>(token)] -= penalty_;
    }
  }

 private:
  float penalty_;
};

}  // namespace llm
