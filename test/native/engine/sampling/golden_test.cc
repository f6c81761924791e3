// Rows of logits, processed and drawn from, against transformers and the definitions of authors.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "engine/sampling/step_sampler.h"
#include "tap.h"

using llm::Token;

namespace {

constexpr float X = -std::numeric_limits<float>::infinity();

struct Golden {
  const char* name;
  void (*set)(llm::RequestParams& p);
  std::vector<Token> prompt, answer;
  std::vector<float> sixteenths;
  std::vector<float> expected;
};

#define S(...) __VA_ARGS__
#define V(...) {__VA_ARGS__}
#define PROCESSED(name, settings, prompt, answer, logits, found) \
  {name, [](llm::RequestParams& p) { settings }, prompt, answer, logits, found},
#define DRAWN(name, settings, prompt, answer, logits, found)
const std::vector<Golden>& processed() {
  static const std::vector<Golden> all{
#include "engine/sampling/golden_sampling.inc"
  };
  return all;
}
#undef PROCESSED
#undef DRAWN
#define PROCESSED(name, settings, prompt, answer, logits, found)
#define DRAWN(name, settings, prompt, answer, logits, found) \
  {name, [](llm::RequestParams& p) { settings }, prompt, answer, logits, found},
const std::vector<Golden>& drawn() {
  static const std::vector<Golden> all{
#include "engine/sampling/golden_sampling.inc"
  };
  return all;
}

llm::Sequence sequence_of(const Golden& golden) {
  llm::RequestParams params;
  params.max_new_tokens = 1000;
  golden.set(params);
  CHECK(llm::in_range(static_cast<const llm::SamplingParams&>(params)));
  llm::Sequence sequence(1, golden.prompt, params, llm::Clock::now());
  sequence.tokens.insert(sequence.tokens.end(), golden.answer.begin(), golden.answer.end());
  return sequence;
}

std::vector<float> logits_of(const Golden& golden) {
  auto logits = golden.sixteenths;
  for (float& logit : logits) logit /= 16;
  return logits;
}

size_t at_least(const std::vector<Golden>& all, const std::string& name) {
  return static_cast<size_t>(std::count_if(all.begin(), all.end(), [&](auto& golden) { return golden.name == name; }));
}

std::string where(const Golden& golden, size_t number) {
  return std::string(golden.name) + ", case " + std::to_string(number) + ": ";
}

}  // namespace

TEST("golden sampling: each processor gives transformers' logits") {
  for (size_t number = 0; number < processed().size(); ++number) {
    const auto& golden = processed()[number];
    CHECK(at_least(processed(), golden.name) >= 20);
    auto sequence = sequence_of(golden);
    auto logits = logits_of(golden);
    const llm::TokensSoFar so_far{golden.prompt, golden.answer, sequence.tokens};
    for (const auto& processor : sequence.processors) processor->process(logits, so_far);
    for (size_t i = 0; i < logits.size(); ++i) {
      const float expected = golden.expected[i];
      const bool equal =
          expected == X ? logits[i] == X : std::abs(logits[i] - expected) <= 2e-6F * std::max(1.0F, std::abs(expected));
      if (!equal) {
        throw tap::Mismatch(where(golden, number) + "token " + std::to_string(i) + ": expected " +
                            std::to_string(expected) + ", found " + std::to_string(logits[i]));
      }
    }
  }
}

TEST("golden sampling: tokens are drawn from transformers' probabilities") {
  for (size_t number = 0; number < drawn().size(); ++number) {
    const auto& golden = drawn()[number];
    CHECK(at_least(drawn(), golden.name) >= 20);
    auto sequence = sequence_of(golden);
    llm::StepSampler sampler(golden.sixteenths.size());
    sampler.sample(sequence, sequence.tokens.size(), logits_of(golden));
    std::map<Token, double> found;
    const llm::Kept kept = sequence.sampler.drawn_from().value();
    for (const auto& candidate : kept.candidates) {
      if (candidate.weight > 1e-30) found[candidate.token] = candidate.weight / kept.total;
    }
    for (size_t i = 0; i < golden.expected.size(); ++i) {
      const double probability = found.contains(static_cast<Token>(i)) ? found[static_cast<Token>(i)] : 0;
      const double expected = golden.expected[i] < 1e-30 ? 0 : golden.expected[i];  // weights of floats end near it
      const bool equal = (probability == 0) == (expected == 0) && std::abs(probability - expected) <= 3e-6;
      if (!equal) {
        throw tap::Mismatch(where(golden, number) + "token " + std::to_string(i) + ": expected " +
                            std::to_string(expected) + ", found " + std::to_string(probability));
      }
    }
  }
}

TEST("golden sampling: draws have the frequencies of the probabilities") {
  constexpr int kDraws = 20000;
  for (size_t number = 0; number < drawn().size(); number += 5) {
    const auto& golden = drawn()[number];
    auto sequence = sequence_of(golden);
    llm::StepSampler sampler(golden.sixteenths.size());
    std::vector<int> counts(golden.expected.size());
    const auto logits = logits_of(golden);
    for (int i = 0; i < kDraws; ++i) {
      ++counts[static_cast<size_t>(sampler.sample(sequence, sequence.tokens.size(), logits))];
    }
    double statistic = 0, rare = 0;
    int rare_count = 0, classes = 0;
    const auto add = [&](double mean, int count) {
      statistic += (count - mean) * (count - mean) / mean;
      ++classes;
    };
    for (size_t i = 0; i < counts.size(); ++i) {
      const double mean = golden.expected[i] * kDraws;
      if (mean >= 5) {
        add(mean, counts[i]);
      } else {
        rare += mean;
        rare_count += counts[i];
      }
    }
    if (rare >= 5) add(rare, rare_count);
    // Four standard deviations above the mean of chi-square, and some for few classes; the seeds are fixed.
    const double bound = classes + 4 * std::sqrt(2.0 * classes) + 10;
    if (statistic > bound) throw tap::Mismatch(where(golden, number) + "chi-square " + std::to_string(statistic));
  }
}
