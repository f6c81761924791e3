#include "engine/sampling/step_sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "engine/failure.h"
#include "engine/sampling/log_probabilities.h"
#include "engine/sampling/logits.h"
#include "engine/sampling/processors/bans.h"

namespace llm {
namespace {

// Bans what has no bit, and all that lies behind the mask.
void apply_mask(std::span<float> logits, std::span<const uint32_t> mask) {
  constexpr size_t kBits = 32;
  const size_t whole = std::min(logits.size() / kBits, mask.size());
  for (size_t word = 0; word < whole; ++word) {
    const uint32_t bits = mask[word];
    if (bits == ~uint32_t{0}) continue;
    float* const some = logits.data() + word * kBits;
    for (size_t bit = 0; bit < kBits; ++bit) some[bit] = (bits >> bit & 1) != 0 ? some[bit] : kBanned;
  }
  for (size_t token = whole * kBits; token < logits.size(); ++token) {
    const bool allowed = token / kBits < mask.size() && (mask[token / kBits] >> token % kBits & 1) != 0;
    if (!allowed) logits[token] = kBanned;
  }
}

// A grammar may have forced this token without asking the sampler.
bool allows_one(std::span<const uint32_t> mask) {
  int count = 0;
  for (size_t word = 0; word < mask.size() && count < 2; ++word) count += std::popcount(mask[word]);
  return count == 1;
}

}  // namespace

Token StepSampler::sample(Sequence& sequence, size_t length, std::span<const float> row,
                          std::span<const uint32_t> mask) {
  const auto limit = static_cast<size_t>(sequence.params.token_limit);
  if (limit > 0) row = row.first(std::min(limit, row.size()));
  processed_ = processed(sequence, length, row, mask);
  const Token token = drawn(sequence, processed_, row, allows_one(mask));
  check(token);
  return token;
}

// Rows of logits may be wider than the embedding table, which does not check what is looked up.
void StepSampler::check(Token token) const {
  if (static_cast<size_t>(token) < vocabulary_) return;
  throw Failure(ERR_TOKEN_ID, "the model chose token " + std::to_string(token) + ", but its embedding table ends at " +
                                  std::to_string(vocabulary_ - 1));
}

std::span<const float> StepSampler::log_probabilities(Sequence& sequence, std::span<const float> row,
                                                      std::span<const Token> groups_before,
                                                      std::span<const uint32_t> mask) {
  const float max = sound_max(row);
  const auto logarithm = static_cast<float>(std::log(sum_of_exponentials(row, max, 1)));
  const auto limit = static_cast<size_t>(sequence.params.token_limit);
  if (limit > 0) row = row.first(std::min(limit, row.size()));
  scratch_.resize(row.size());
  std::transform(row.begin(), row.end(), scratch_.begin(), [&](float logit) { return logit - max - logarithm; });
  process(sequence, sequence.tokens.size(), groups_before);
  if (!mask.empty()) apply_mask(scratch_, mask);
  return scratch_;
}

void StepSampler::note(const Sequence& sequence, Token token, std::span<const float> row, Logprobs& found) const {
  if (sequence.params.logprobs < 0) return;
  const auto top = static_cast<size_t>(sequence.params.logprobs);
  if (!sequence.params.processed_logprobs) {
    add_log_probability(row, token, top, found);
  } else if (const auto drawn_from = sequence.sampler.drawn_from()) {
    add_log_probability(*drawn_from, token, top, found);
  } else {
    add_log_probability(processed_, token, top, found);
  }
}

// Tells what processors did from what the model did.
Token StepSampler::drawn(Sequence& sequence, std::span<const float> logits, std::span<const float> row, bool certain) {
  try {
    return sequence.sampler.sample(logits, certain);
  } catch (const Failure& failure) {
    if (failure.code() != ERR_NON_FINITE || logits.data() == row.data() || !range_of(row).sound) throw;
    throw Failure(ERR_NO_TOKEN, sequence.constraint
                                    ? "the options of the request ban every token that its grammar allows here"
                                    : "the options of the request ban every token that could follow");
  }
}

std::span<const float> StepSampler::processed(Sequence& sequence, size_t length, std::span<const float> row,
                                              std::span<const uint32_t> mask) {
  if (sequence.processors.empty() && mask.empty()) return row;
  scratch_.assign(row.begin(), row.end());
  process(sequence, length, {});
  if (!mask.empty()) apply_mask(scratch_, mask);  // last: nothing may allow again what a grammar refuses
  return scratch_;
}

void StepSampler::process(Sequence& sequence, size_t length, std::span<const Token> groups_before) {
  const auto tokens = std::span<const Token>(sequence.tokens).first(length);
  const TokensSoFar so_far{tokens.first(sequence.prompt), tokens.subspan(sequence.prompt), tokens, groups_before};
  for (const auto& processor : sequence.processors) processor->process(scratch_, so_far);
}

}  // namespace llm
