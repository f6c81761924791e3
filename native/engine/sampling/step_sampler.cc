#include "engine/sampling/step_sampler.h"

#include <string>

#include "engine/failure.h"

namespace llm {

Token StepSampler::sample(Sequence& sequence, size_t length, std::span<const float> row) {
  const Token token = sequence.sampler.sample(processed(sequence, length, row));
  if (static_cast<size_t>(token) >= vocabulary_) {
    // Rows of logits may be wider than the embedding table, which does not check what is looked up.
    throw Failure(ERR_TOKEN_ID, "the model chose token " + std::to_string(token) +
                                    ", but its embedding table ends at " + std::to_string(vocabulary_ - 1));
  }
  return token;
}

std::span<const float> StepSampler::processed(Sequence& sequence, size_t length, std::span<const float> row) {
  if (sequence.processors.empty()) return row;
  scratch_.assign(row.begin(), row.end());
  const auto tokens = std::span<const Token>(sequence.tokens).first(length);
  const TokensSoFar so_far{tokens.first(sequence.prompt), tokens.subspan(sequence.prompt)};
  for (const auto& processor : sequence.processors) processor->process(scratch_, so_far);
  return scratch_;
}

}  // namespace llm
