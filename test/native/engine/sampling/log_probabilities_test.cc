// Log-probabilities of single rows, and of what a token was drawn from.
#include "engine/sampling/log_probabilities.h"

#include <cmath>
#include <limits>
#include <vector>

#include "engine/failure.h"
#include "engine/sampling/step_sampler.h"
#include "tap.h"

using llm::Logprobs;
using llm::Token;
using Tokens = std::vector<Token>;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Logits whose probabilities are 1/10, 4/10, 3/10, 2/10, times e^8.
std::vector<float> row() {
  std::vector<float> logits;
  for (const double weight : {1.0, 4.0, 3.0, 2.0}) logits.push_back(static_cast<float>(std::log(weight) + 8));
  return logits;
}

void check_near(const std::vector<double>& found, const std::vector<double>& probabilities) {
  CHECK_EQUAL(found.size(), probabilities.size());
  for (size_t i = 0; i < found.size(); ++i) CHECK(std::abs(std::exp(found[i]) - probabilities[i]) < 1e-6);
}

llm::Sequence sequence(double temperature, int32_t top_k, bool processed) {
  llm::RequestParams params;
  params.max_new_tokens = 9;
  params.temperature = temperature;
  params.top_k = top_k;
  params.logprobs = 3;
  params.processed_logprobs = processed;
  return {1, {3}, params, llm::Clock::now()};
}

Logprobs noted(llm::Sequence& sequence, Token& token) {
  llm::StepSampler sampler(4);
  const auto logits = row();
  Logprobs found;
  token = sampler.sample(sequence, 1, logits);
  sampler.note(sequence, token, logits, found);
  return found;
}

class Ban : public llm::LogitsProcessor {
 public:
  void process(std::span<float> logits, const llm::TokensSoFar&) override { logits[1] = -kInfinity; }
};

}  // namespace

TEST("log-probabilities: of a token and of the likeliest ones, whatever is added to all logits") {
  Logprobs found;
  llm::add_log_probability(row(), 3, 2, found);
  llm::add_log_probability(row(), 1, 2, found);
  check_near(found.values, {0.2, 0.4});
  CHECK_EQUAL(found.top_tokens, (Tokens{1, 2, 1, 2}));
  check_near(found.top_values, {0.4, 0.3, 0.4, 0.3});
}

TEST("log-probabilities: ties are in the order of the ids, and what cannot come is no top token") {
  Logprobs found;
  llm::add_log_probability(std::vector<float>{1, -kInfinity, 1, 1}, 1, 5, found);
  CHECK_EQUAL(found.values[0], double{-kInfinity});
  CHECK_EQUAL(found.top_tokens, (Tokens{0, 2, 3, -1, -1}));
  for (size_t i = 0; i < 3; ++i) CHECK(std::abs(found.top_values[i] - std::log(1.0 / 3)) < 1e-6);
}

TEST("log-probabilities: huge logits neither overflow nor lose the small ones") {
  Logprobs found;
  llm::add_log_probability(std::vector<float>{30000, 29990, -30000}, 2, 0, found);
  CHECK_EQUAL(found.values[0], -60000.0 - std::log1p(std::exp(-10.0)));
  CHECK(found.top_tokens.empty() && found.top_values.empty());
}

TEST("log-probabilities: rows that are not finite are refused") {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), kInfinity}) {
    Logprobs found;
    try {
      llm::add_log_probability(std::vector<float>{0, bad}, 0, 1, found);
      CHECK(!"nothing was thrown");
    } catch (const llm::Failure& failure) {
      CHECK_EQUAL(failure.code(), llm::ERR_NON_FINITE);
    }
  }
}

TEST("log-probabilities: raw ones are the model's, processed ones those that the token was drawn from") {
  Token token = -1;
  auto raw = sequence(0.5, 2, false);
  const auto of_model = noted(raw, token);
  check_near(of_model.values, {token == 1 ? 0.4 : 0.3});
  CHECK_EQUAL(of_model.top_tokens, (Tokens{1, 2, 3}));

  auto processed = sequence(0.5, 2, true);  // the squares of 4 and 3
  const auto drawn = noted(processed, token);
  check_near(drawn.values, {token == 1 ? 16.0 / 25 : 9.0 / 25});
  CHECK_EQUAL(drawn.top_tokens, (Tokens{1, 2, -1}));
  check_near(drawn.top_values, {16.0 / 25, 9.0 / 25, 0});

  auto greedy = sequence(0, 0, true);
  greedy.processors.push_back(std::make_unique<Ban>());
  check_near(noted(greedy, token).values, {3.0 / 6});
  CHECK_EQUAL(token, 2);
}

TEST("log-probabilities: of the prompt are reported once, whatever the steps") {
  llm::RequestParams params;
  params.prompt_logprobs = 0;
  params.prompt_logprobs_from = 2;
  llm::Sequence sequence(7, {0, 1, 2, 3, 0}, params, llm::Clock::now());
  std::vector<float> data;
  for (int i = 0; i < 5; ++i) {
    for (const float logit : row()) data.push_back(logit);
  }
  const auto step = [&](size_t position, size_t count) {
    sequence.computed = position;
    const size_t rows = sequence.rows(count);
    const auto tokens = std::span<const Token>(sequence.tokens).subspan(position, count);
    const auto found = llm::prompt_log_probabilities(sequence, {7, tokens, position, rows}, {data.data(), 5, 4}, 0);
    CHECK_EQUAL(found.id, 7);
    CHECK(found.of_prompt);
    return found.values;
  };
  CHECK_EQUAL(sequence.first_row(), size_t{1});
  check_near(step(0, 3), {0.3, 0.2});  // the rows of tokens 1 and 2, about tokens 2 and 3
  check_near(step(0, 4), {0.1});       // computed again, say, and one more
  CHECK(!sequence.reports());
  CHECK_EQUAL(sequence.rows(1), size_t{0});
}
