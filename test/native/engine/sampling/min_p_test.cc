#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "engine/sampling/sampler.h"
#include "tap.h"

using llm::Token;

namespace {

llm::SamplingParams params(double min_p) {
  llm::SamplingParams result;
  result.temperature = 1;
  result.min_p = min_p;
  result.seed = 1;
  return result;
}

// Logits of these probabilities, up to a constant.
std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double probability : probabilities) logits.push_back(static_cast<float>(std::log(probability)) + 3);
  return logits;
}

std::map<Token, int> draws(const std::vector<float>& logits, const llm::SamplingParams& p, int count = 4000) {
  llm::Sampler sampler(p);
  std::map<Token, int> counts;
  for (int i = 0; i < count; ++i) ++counts[sampler.sample(logits)];
  return counts;
}

std::set<Token> support(const std::vector<float>& logits, const llm::SamplingParams& p) {
  std::set<Token> tokens;
  for (const auto& [token, count] : draws(logits, p)) tokens.insert(token);
  return tokens;
}

// The largest is token 1; the shares of it are 0.25, 1, 0.5, 0.15, 0.1.
const std::vector<double> kProbabilities{0.125, 0.5, 0.25, 0.075, 0.05};

}  // namespace

TEST("minP: keeps the tokens with at least that share of the largest probability") {
  const auto logits = logits_of(kProbabilities);
  const std::vector<std::pair<double, std::set<Token>>> vectors{{0, {0, 1, 2, 3, 4}},
                                                                {0.05, {0, 1, 2, 3, 4}},
                                                                {0.12, {0, 1, 2, 3}},
                                                                {0.2, {0, 1, 2}},
                                                                {0.3, {1, 2}},
                                                                {0.6, {1}},
                                                                {1, {1}}};
  for (const auto& [min_p, expected] : vectors) CHECK(support(logits, params(min_p)) == expected);
}

TEST("minP: at 1 all tokens that are the most likely stay") {
  CHECK(support({2, 5, 5, 4}, params(1)) == (std::set<Token>{1, 2}));
  CHECK(support({7}, params(1)) == (std::set<Token>{0}));
}

TEST("minP: what is left keeps its proportions") {
  // 0.5 and 0.25 of 0.75 are left.
  const auto counts = draws(logits_of(kProbabilities), params(0.3), 30000);
  CHECK(std::abs(counts.at(1) / 30000.0 - 2.0 / 3) < 0.02);
}

TEST("minP: comes after temperature") {
  auto p = params(0.3);
  p.temperature = 2;
  // Shares are square roots: 0.5, 1, 0.707, 0.387, 0.316.
  CHECK(support(logits_of(kProbabilities), p) == (std::set<Token>{0, 1, 2, 3, 4}));
  p.temperature = 0.5;
  // Shares are squares: 0.0625, 1, 0.25, ….
  CHECK(support(logits_of(kProbabilities), p) == (std::set<Token>{1}));
}

TEST("minP: looks at what top-k and top-p left") {
  auto p = params(0.12);
  p.top_k = 3;
  CHECK(support(logits_of(kProbabilities), p) == (std::set<Token>{0, 1, 2}));
  p.top_k = 0;
  p.top_p = 0.7;  // 0.5 and 0.25
  CHECK(support(logits_of(kProbabilities), p) == (std::set<Token>{1, 2}));
  p.min_p = 0.6;
  CHECK(support(logits_of(kProbabilities), p) == (std::set<Token>{1}));
}

TEST("minP: 0 draws what it drew without, and the order of a row does not matter") {
  std::vector<float> logits(200);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>((i * 37) % 50) / 10;
  llm::SamplingParams plain;
  plain.temperature = 1;
  plain.seed = 1;
  CHECK(draws(logits, params(0)) == draws(logits, plain));
  for (const auto& [token, count] : draws(logits, params(0.5))) {
    CHECK(std::exp(logits[static_cast<size_t>(token)] - 4.9) >= 0.499);
  }
}

TEST("minP: greedy takes the largest whatever it is, and values outside [0, 1] are refused") {
  auto p = params(0.4);
  p.temperature = 0;
  CHECK_EQUAL(llm::Sampler(p).sample(logits_of(kProbabilities)), 1);
  for (const double wrong : {-0.1, 1.1, std::nan("")}) CHECK(!in_range(params(wrong)));
  for (const double right : {0.0, 0.5, 1.0}) CHECK(in_range(params(right)));
}
