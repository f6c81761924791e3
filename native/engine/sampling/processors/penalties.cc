#include "engine/sampling/processors/penalties.h"

namespace llm {

Penalties::Penalties(const SamplingParams& params)
    : repetition_(static_cast<float>(params.repetition_penalty)),
      presence_(static_cast<float>(params.presence_penalty)),
      frequency_(static_cast<float>(params.frequency_penalty)) {}

// Null for a token outside the row.
Penalties::Seen* Penalties::seen(Token token) {
  const auto id = static_cast<size_t>(token);
  if (id >= place_.size()) return nullptr;
  if (place_[id] == 0) {
    seen_.push_back({token, 0});
    place_[id] = static_cast<int32_t>(seen_.size());
  }
  return &seen_[static_cast<size_t>(place_[id] - 1)];
}

void Penalties::catch_up(const TokensSoFar& so_far) {
  if (repetition_ != 1) {
    for (; prompt_tokens_ < so_far.prompt.size(); ++prompt_tokens_) seen(so_far.prompt[prompt_tokens_]);
  }
  for (; answer_tokens_ < so_far.answer.size(); ++answer_tokens_) {
    if (Seen* found = seen(so_far.answer[answer_tokens_])) ++found->in_answer;
  }
}

void Penalties::process(std::span<float> logits, const TokensSoFar& so_far) {
  if (place_.empty()) {
    place_.resize(logits.size());
    seen_.reserve(logits.size());  // memory that is not touched costs nothing
  }
  catch_up(so_far);
  for (const auto& [token, in_answer] : seen_) {
    float& logit = logits[static_cast<size_t>(token)];
    logit = logit < 0 ? logit * repetition_ : logit / repetition_;
    if (in_answer > 0) logit -= static_cast<float>(in_answer) * frequency_ + presence_;
  }
}

}  // namespace llm
