#include "engine/sampling/steps.h"

#include <algorithm>
#include <utility>

#include "engine/request.h"
#include "engine/sampling/processors/bans.h"
#include "engine/sampling/processors/dry.h"
#include "engine/sampling/processors/hamming_diversity.h"
#include "engine/sampling/processors/length_decay.h"
#include "engine/sampling/processors/no_repeat_ngram.h"
#include "engine/sampling/processors/penalties.h"
#include "engine/sampling/processors/sequence_bias.h"

namespace llm {
namespace {

using Made = std::unique_ptr<LogitsProcessor>;

Made bias(const RequestParams& params) {
  auto made = std::make_unique<SequenceBias>();
  size_t i = 0;
  each_sequence(params.logit_bias,
                [&](auto sequence) { made->add(sequence, static_cast<float>(params.logit_bias_values[i++])); });
  return made->empty() ? nullptr : std::move(made);
}

Made diversity(const RequestParams& params) {
  return params.diversity_penalty == 0 ? nullptr : std::make_unique<HammingDiversity>(params.diversity_penalty);
}

Made penalties(const RequestParams& params) {
  const bool none = params.repetition_penalty == 1 && params.presence_penalty == 0 && params.frequency_penalty == 0;
  return none ? nullptr : std::make_unique<Penalties>(params);
}

Made with_the_first(const RequestParams&) { return nullptr; }

Made dry(const RequestParams& params) {
  return params.dry_multiplier == 0 || params.dry_penalty_last_n == 0 ? nullptr : std::make_unique<Dry>(params);
}

Made no_repeat_ngram(const RequestParams& params) {
  const auto size = static_cast<size_t>(params.no_repeat_ngram_size);
  return size == 0 ? nullptr : std::make_unique<NoRepeatNgram>(size);
}

// A word that is one end of the answer is none, as in transformers: it would never end.
Made bad_words(const RequestParams& params) {
  auto made = std::make_unique<SequenceBias>();
  const auto& ends = params.stop_token_ids;
  each_sequence(params.bad_words_ids, [&](auto sequence) {
    const bool end = sequence.size() == 1 && std::find(ends.begin(), ends.end(), sequence[0]) != ends.end();
    if (!end) made->add(sequence, kBanned);
  });
  return made->empty() ? nullptr : std::move(made);
}

Made banned(const std::vector<Token>& tokens, size_t below) {
  return tokens.empty() || below == 0 ? nullptr : std::make_unique<BannedTokens>(tokens, below);
}

Made min_new_tokens(const RequestParams& params) {
  return banned(params.stop_token_ids, static_cast<size_t>(params.min_new_tokens));
}

Made forced_end(const RequestParams& params) {
  const auto length = static_cast<size_t>(params.max_new_tokens);
  return params.forced_eos_token_id.empty() ? nullptr : std::make_unique<ForcedEnd>(params.forced_eos_token_id, length);
}

Made decaying(const RequestParams& params) {
  const auto& decay = params.exponential_decay_length_penalty;
  return decay.empty() ? nullptr : std::make_unique<LengthDecay>(params.stop_token_ids, decay[0], decay[1]);
}

Made suppressed(const RequestParams& params) { return banned(params.suppress_tokens, BannedTokens::kAlways); }
Made suppressed_first(const RequestParams& params) { return banned(params.begin_suppress_tokens, 1); }

}  // namespace

const std::array<ProcessorStep, 13> kProcessorSteps{{
    {"logitBias", bias},
    {"diversityPenalty", diversity},
    {"repetitionPenalty", penalties},
    {"presencePenalty", with_the_first},
    {"frequencyPenalty", with_the_first},
    {"dryMultiplier", dry},
    {"noRepeatNgramSize", no_repeat_ngram},
    {"badWordsIds", bad_words},
    {"minNewTokens", min_new_tokens},
    {"forcedEosTokenId", forced_end},
    {"exponentialDecayLengthPenalty", decaying},
    {"suppressTokens", suppressed},
    {"beginSuppressTokens", suppressed_first},
}};

LogitsProcessors make_processors(const RequestParams& params) {
  LogitsProcessors made;
  for (const auto& step : kProcessorSteps) {
    if (auto processor = step.make(params)) made.push_back(std::move(processor));
  }
  if (auto absent = banned(params.absent_tokens, BannedTokens::kAlways)) made.push_back(std::move(absent));
  return made;
}

std::vector<std::string> sampling_steps() {
  std::vector<std::string> names;
  for (const auto& step : kProcessorSteps) names.push_back(step.option);
  names.insert(names.end(), {"temperature", "topK"});
  Truncation().each([&](const char* name, double) { names.push_back(name); });
  names.push_back("xtcProbability");
  return names;
}

}  // namespace llm
