// What holds of whole answers, whatever the logits are.
#include <algorithm>
#include <limits>
#include <random>
#include <set>
#include <vector>

#include "engine/failure.h"
#include "engine/sampling/step_sampler.h"
#include "tap.h"

using llm::Token;
using Tokens = std::vector<Token>;

namespace {

constexpr size_t kVocabulary = 24;

struct Run {
  std::mt19937 random;
  llm::RequestParams params;
  Tokens prompt;

  explicit Run(unsigned seed) : random(seed) {
    const auto pick = [&](int most) { return static_cast<int32_t>(random() % static_cast<unsigned>(most)); };
    for (int i = 0; i < 6; ++i) prompt.push_back(pick(8));
    params.max_new_tokens = 40;
    params.stop_token_ids = {20, 21};
    params.seed = seed;
    params.temperature = seed % 3 == 0 ? 0 : 1.5;
    params.top_k = seed % 2 == 0 ? 0 : 12;
    params.top_p = seed % 5 == 0 ? 1 : 0.9;
    params.repetition_penalty = seed % 4 == 0 ? 0.8 : 1.2;
    params.frequency_penalty = 0.3;
    params.dry_multiplier = seed % 2 == 0 ? 0.8 : 0;
    params.no_repeat_ngram_size = 2 + pick(3);
    params.bad_words_ids = {1, 3, 2, 4, 5};
    params.min_new_tokens = 10;
    params.forced_eos_token_id = {21};
    params.suppress_tokens = {7};
    params.begin_suppress_tokens = {0, 1, 2};
    params.absent_tokens = {11};
    params.token_limit = 23;
    params.xtc_probability = seed % 2 == 0 ? 0.5 : 0;
  }

  std::vector<float> row() {
    std::normal_distribution<float> normal(0, 2);
    std::vector<float> logits(kVocabulary);
    for (float& logit : logits) logit = normal(random);
    logits[7] = logits[11] = logits[23] = 30;  // what must never come
    return logits;
  }

  llm::Sequence sequence() const { return {1, prompt, params, llm::Clock::now()}; }
};

bool has(const Tokens& tokens, const Tokens& part) {
  return std::search(tokens.begin(), tokens.end(), part.begin(), part.end()) != tokens.end();
}

void check_answer(const Run& run, const Tokens& all) {
  const auto prompt = static_cast<std::ptrdiff_t>(run.prompt.size());
  const Tokens answer(all.begin() + prompt, all.end());
  for (const Token token : {3, 7, 11, 23}) CHECK(!has(answer, {token}));
  CHECK(!has(answer, {4, 5}));
  CHECK(answer[0] > 2);
  for (size_t i = 0; i < answer.size(); ++i) {
    const bool end = answer[i] == 20 || answer[i] == 21;
    if (i < 10) CHECK(!end);
  }
  CHECK(answer.size() < 40 || answer.back() == 21);
  const auto size = static_cast<std::ptrdiff_t>(run.params.no_repeat_ngram_size);
  std::set<Tokens> seen;
  for (auto i = all.begin(); all.end() - i >= size; ++i) {
    const bool is_new = seen.emplace(i, i + size).second;
    const bool in_answer = i + size - all.begin() > prompt;
    if (in_answer && all.back() != 21) CHECK(is_new);  // the forced end comes whatever stands before it
  }
}

}  // namespace

TEST("processors: answers of any logits keep what the options promise") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    Run run(seed);
    auto sequence = run.sequence();
    llm::StepSampler sampler(kVocabulary);
    for (bool ended = false; !ended;) {
      const Token token = sampler.sample(sequence, sequence.tokens.size(), run.row());
      sequence.tokens.push_back(token);
      ended = token == 20 || token == 21 || sequence.generated() == 40;
    }
    check_answer(run, sequence.tokens);
  }
}

TEST("processors: what they keep follows from the tokens: drafts behind them and a new beginning change nothing") {
  for (unsigned seed = 0; seed < 100; ++seed) {
    Run run(seed);
    run.params.temperature = 0;
    auto sequence = run.sequence();
    llm::StepSampler sampler(kVocabulary);
    for (size_t i = 0; i < 30; ++i) {
      const auto row = run.row();
      auto anew = run.sequence();
      anew.tokens = sequence.tokens;
      const size_t length = sequence.tokens.size();
      const size_t drafts = seed % 4;
      for (size_t j = 0; j < drafts; ++j) sequence.tokens.push_back(static_cast<Token>(j));
      const Token token = sampler.sample(sequence, length, row);
      sequence.tokens.resize(length);
      CHECK_EQUAL(sampler.sample(anew, length, row), token);
      sequence.tokens.push_back(token);
    }
  }
}

TEST("processors: a request that bans every token is told so, and logits of NaN are still the model's fault") {
  llm::RequestParams params;
  params.max_new_tokens = 5;
  for (Token token = 0; token < 4; ++token) params.suppress_tokens.push_back(token);
  llm::StepSampler sampler(4);
  const auto code_for = [&](const std::vector<float>& row) {
    llm::Sequence sequence(1, {1}, params, llm::Clock::now());
    try {
      sampler.sample(sequence, 1, row);
      return std::string();
    } catch (const llm::Failure& failure) {
      return std::string(llm::name_of(failure.code()));
    }
  };
  CHECK_EQUAL(code_for({1, 2, 3, 4}), "ERR_NO_TOKEN");
  CHECK_EQUAL(code_for({1, 2, std::numeric_limits<float>::quiet_NaN(), 4}), "ERR_NON_FINITE");
}
