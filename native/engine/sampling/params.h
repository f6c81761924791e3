// How one answer is sampled, with the one list of these fields that the boundary reads.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/sampling/truncation.h"
#include "engine/types.h"

namespace llm {

// Sequences of tokens as they cross the boundary: before each its length.
using FlatSequences = std::vector<Token>;

// Calls visit(sequence) for each; false when the lengths do not fit or a token is negative.
template <class Visit>
bool each_sequence(const FlatSequences& flat, Visit&& visit) {
  const std::span<const Token> all(flat);
  for (size_t i = 0; i < all.size();) {
    const Token length = all[i++];
    if (length < 1 || static_cast<size_t>(length) > all.size() - i) return false;
    const auto sequence = all.subspan(i, static_cast<size_t>(length));
    if (std::any_of(sequence.begin(), sequence.end(), [](Token token) { return token < 0; })) return false;
    visit(sequence);
    i += sequence.size();
  }
  return true;
}

// Ranges, defaults and sources of the options: lib/options/sampling.ts.
struct SamplingParams : Truncation {
  double repetition_penalty = 1;
  double presence_penalty = 0, frequency_penalty = 0;
  double dry_multiplier = 0, dry_base = 1.75;
  int32_t dry_allowed_length = 2;
  int32_t dry_penalty_last_n = -1;  // -1: all tokens
  int32_t no_repeat_ngram_size = 0;
  int32_t min_new_tokens = 0;
  double temperature = 0;  // ≥ 0; 0 is greedy
  int32_t top_k = 0;       // ≥ 0; 0 keeps all
  double xtc_probability = 0, xtc_threshold = 0.1;
  int32_t min_tokens_to_keep = 1;
  uint32_t seed = 0;  // answer i of a request draws with seed + i

  FlatSequences logit_bias;
  std::vector<double> logit_bias_values;  // one a sequence
  FlatSequences bad_words_ids;
  std::vector<Token> dry_sequence_breakers;
  std::vector<Token> forced_eos_token_id;
  std::vector<double> exponential_decay_length_penalty;  // none, or the token of the answer to begin with and a factor
  std::vector<Token> suppress_tokens;
  std::vector<Token> begin_suppress_tokens;
  std::vector<Token> xtc_protected_tokens;
  int32_t token_limit = 0;  // ids from here on have no token; 0: all of the row have one
  std::vector<Token> absent_tokens;
};

// In the order of the table in lib/options/sampling.ts, then what lib/generation/token-options.ts makes of the others.
template <class Visit>
void each_field(SamplingParams& params, Visit&& visit) {
  visit("repetitionPenalty", params.repetition_penalty);
  visit("presencePenalty", params.presence_penalty);
  visit("frequencyPenalty", params.frequency_penalty);
  visit("dryMultiplier", params.dry_multiplier);
  visit("dryBase", params.dry_base);
  visit("dryAllowedLength", params.dry_allowed_length);
  visit("dryPenaltyLastN", params.dry_penalty_last_n);
  visit("noRepeatNgramSize", params.no_repeat_ngram_size);
  visit("minNewTokens", params.min_new_tokens);
  visit("temperature", params.temperature);
  visit("topK", params.top_k);
  params.each(visit);
  visit("xtcProbability", params.xtc_probability);
  visit("xtcThreshold", params.xtc_threshold);
  visit("minTokensToKeep", params.min_tokens_to_keep);
  visit("seed", params.seed);
  visit("logitBias", params.logit_bias);
  visit("logitBiasValues", params.logit_bias_values);
  visit("badWordsIds", params.bad_words_ids);
  visit("drySequenceBreakers", params.dry_sequence_breakers);
  visit("forcedEosTokenId", params.forced_eos_token_id);
  visit("exponentialDecayLengthPenalty", params.exponential_decay_length_penalty);
  visit("suppressTokens", params.suppress_tokens);
  visit("beginSuppressTokens", params.begin_suppress_tokens);
  visit("xtcProtectedTokens", params.xtc_protected_tokens);
  visit("tokenLimit", params.token_limit);
  visit("absentTokens", params.absent_tokens);
}

// Numbers that are out of these ranges would make logits NaN or infinite.
inline bool in_range(const SamplingParams& p) {
  const auto within = [](double value, double least, double most) { return value >= least && value <= most; };
  const auto tokens = [](const std::vector<Token>& ids) {
    return std::all_of(ids.begin(), ids.end(), [](Token token) { return token >= 0; });
  };
  const auto& decay = p.exponential_decay_length_penalty;
  size_t biases = 0;
  return within(p.repetition_penalty, 1e-4, 1e4) && within(p.presence_penalty, -1e4, 1e4) &&
         within(p.frequency_penalty, -1e4, 1e4) && within(p.dry_multiplier, 0, 1e4) && within(p.dry_base, 1, 1e4) &&
         p.dry_allowed_length >= 1 && p.dry_penalty_last_n >= -1 && p.no_repeat_ngram_size >= 0 &&
         p.min_new_tokens >= 0 && p.temperature >= 0 && p.top_k >= 0 && p.valid() && within(p.xtc_probability, 0, 1) &&
         within(p.xtc_threshold, 0, 1) && p.min_tokens_to_keep >= 1 &&
         each_sequence(p.logit_bias, [&](auto) { ++biases; }) && biases == p.logit_bias_values.size() &&
         std::all_of(p.logit_bias_values.begin(), p.logit_bias_values.end(),
                     [&](double value) { return within(value, -1e4, 1e4); }) &&
         each_sequence(p.bad_words_ids, [](auto) {}) && tokens(p.dry_sequence_breakers) &&
         tokens(p.forced_eos_token_id) &&
         (decay.empty() || (decay.size() == 2 && within(decay[0], 0, 1e9) && within(decay[1], 1e-4, 1e4))) &&
         tokens(p.suppress_tokens) && tokens(p.begin_suppress_tokens) && tokens(p.xtc_protected_tokens) &&
         p.token_limit >= 0 && tokens(p.absent_tokens);
}

}  // namespace llm
