// Log-probabilities of tokens: the logarithm of the softmax over a row of logits, in nats.
#pragma once
#include <span>

#include "engine/event.h"
#include "engine/runner.h"
#include "engine/sampling/sampler.h"
#include "engine/sequence.h"

namespace llm {

// Adds the token and the `top` most likely ones to `found`; of equally likely tokens the lower id comes first. Tokens
// that cannot be drawn have -infinity and are no top ones. Throws Failure ERR_NON_FINITE when the row holds NaN or
// +infinity, or nothing but -infinity.
void add_log_probability(std::span<const float> logits, Token token, size_t top, Logprobs& found);

// The same of what a token was drawn from.
void add_log_probability(const Kept& drawn_from, Token token, size_t top, Logprobs& found);

// What the rows of a span, from `row` on, say about the tokens of the prompt that are still to be reported; counts them
// as reported. The same errors.
Logprobs prompt_log_probabilities(Sequence& sequence, const Span& span, const Rows& rows, size_t row);

}  // namespace llm
