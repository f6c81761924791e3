#include "engine/sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <set>

#include "engine/failure.h"
#include "tap.h"

using llm::Sampler;
using llm::Token;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

llm::SamplingParams params(double temperature, int32_t top_k = 0, double top_p = 1, uint32_t seed = 1) {
  llm::SamplingParams result;
  result.temperature = temperature;
  result.top_k = top_k;
  result.top_p = top_p;
  result.seed = seed;
  return result;
}

// The definition, word for word, in double: temperature, sort everything, top-k, renormalise, top-p, renormalise.
// Those as large as the last of the top-k stay with it; for top-p the lower id counts as the more likely.
std::map<Token, double> probabilities(const std::vector<float>& logits, const llm::SamplingParams& p) {
  std::vector<Token> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto logit = [&](Token token) { return static_cast<double>(logits[static_cast<size_t>(token)]); };
  std::stable_sort(order.begin(), order.end(), [&](Token a, Token b) { return logit(a) > logit(b); });
  if (p.top_k > 0 && static_cast<size_t>(p.top_k) < order.size()) {
    const double last = logit(order[static_cast<size_t>(p.top_k) - 1]);
    std::erase_if(order, [&](Token token) { return logit(token) < last; });
  }
  std::vector<double> weights;
  for (Token token : order) weights.push_back(std::exp((logit(token) - logit(order[0])) / p.temperature));
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::map<Token, double> result;
  double before = 0;  // mass of everything more likely
  for (size_t i = 0; i < order.size() && (p.top_p == 1 || before < p.top_p); ++i) {
    if (weights[i] > 0) result[order[i]] = weights[i] / total;
    before += weights[i] / total;
  }
  double kept = 0;
  for (const auto& [token, probability] : result) kept += probability;
  for (auto& [token, probability] : result) probability /= kept;
  return result;
}

std::map<Token, int> draws(const std::vector<float>& logits, const llm::SamplingParams& p, int count) {
  Sampler sampler(p);
  std::map<Token, int> counts;
  for (int i = 0; i < count; ++i) ++counts[sampler.sample(logits)];
  return counts;
}

// No token outside the support; every token that is likely enough to be sure of is drawn.
void check_support(const std::vector<float>& logits, const llm::SamplingParams& p) {
  const auto expected = probabilities(logits, p);
  const auto found = draws(logits, p, 3000);
  for (const auto& [token, count] : found) CHECK(expected.contains(token));
  for (const auto& [token, probability] : expected) {
    if (probability > 0.01) CHECK(found.contains(token));
  }
}

// Pearson's statistic of counts against probabilities.
double chi_square(const std::map<Token, int>& counts, const std::map<Token, double>& expected, int total) {
  double sum = 0;
  for (const auto& [token, probability] : expected) {
    const double mean = probability * total;
    const double difference = (counts.contains(token) ? counts.at(token) : 0) - mean;
    sum += difference * difference / mean;
  }
  return sum;
}

std::string code_of(Sampler& sampler, const std::vector<float>& logits) {
  try {
    sampler.sample(logits);
    return "";
  } catch (const llm::Failure& failure) {
    return name_of(failure.code());
  }
}

std::vector<float> random_logits(std::mt19937& random, size_t count, float scale) {
  std::vector<float> logits(count);
  for (auto& logit : logits) logit = scale * static_cast<float>(random() % 100000) / 100000.0F;
  return logits;
}

}  // namespace

TEST("sampler: greedy takes the largest, of equal ones the lowest id, whatever top-k and top-p say") {
  Sampler greedy(params(0));
  CHECK_EQUAL(greedy.sample(std::vector<float>{1, 3, 2}), 1);
  CHECK_EQUAL(greedy.sample(std::vector<float>{-5, -1, -1, -1}), 1);
  CHECK_EQUAL(greedy.sample(std::vector<float>{2, 2}), 0);
  CHECK_EQUAL(greedy.sample(std::vector<float>{-0.0F, 0.0F}), 0);
  CHECK_EQUAL(greedy.sample(std::vector<float>{7}), 0);
  CHECK_EQUAL(greedy.sample(std::vector<float>{-kInfinity, -3e38F, -kInfinity}), 1);
  std::mt19937 random(3);
  for (int i = 0; i < 200; ++i) {
    const auto logits = random_logits(random, 1 + random() % 300, 20);
    const auto largest = static_cast<Token>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    CHECK_EQUAL(greedy.sample(logits), largest);
    CHECK_EQUAL(Sampler(params(0, 5, 0.3)).sample(logits), largest);
    CHECK_EQUAL(Sampler(params(1, 1)).sample(logits), largest);
    CHECK_EQUAL(Sampler(params(1, 0, 1e-9)).sample(logits), largest);
    CHECK_EQUAL(Sampler(params(1e-6)).sample(logits), largest);
  }
}

TEST("sampler: NaN, +infinity and nothing but -infinity are refused at every place of the row") {
  for (const auto& p : {params(0), params(1), params(1, 3), params(1, 0, 0.5), params(1, 1000)}) {
    Sampler sampler(p);
    for (size_t size : {1, 2, 7, 8, 9, 33, 1000}) {
      for (size_t at = 0; at < size; at += 1 + size / 40) {
        for (float bad : {std::nanf(""), -std::nanf(""), kInfinity}) {
          std::vector<float> logits(size, 1);
          logits[at] = bad;
          CHECK_EQUAL(code_of(sampler, logits), "ERR_NON_FINITE");
        }
      }
      CHECK_EQUAL(code_of(sampler, std::vector<float>(size, -kInfinity)), "ERR_NON_FINITE");
    }
    CHECK_EQUAL(code_of(sampler, {1, 2, 3}), "");  // it goes on
  }
}

TEST("sampler: -infinity is never drawn") {
  const std::vector<float> logits{-kInfinity, 1, -kInfinity, 0.5, -kInfinity, -kInfinity};
  for (const auto& p :
       {params(1), params(100), params(1, 4), params(1, 6), params(1, 9), params(1, 0, 0.9999), params(1, 5, 0.9999)}) {
    const auto counts = draws(logits, p, 5000);
    CHECK_EQUAL(counts.size(), size_t{2});
    CHECK(counts.contains(1) && counts.contains(3));
  }
}

TEST("sampler: top-k keeps the k largest, and those equal to the last of them") {
  const std::vector<float> ties{1, 2, 2, 0, 2, 1, 2, 1};
  const std::vector<std::pair<int32_t, std::set<Token>>> cases{{1, {1, 2, 4, 6}},
                                                               {2, {1, 2, 4, 6}},
                                                               {4, {1, 2, 4, 6}},
                                                               {5, {0, 1, 2, 4, 5, 6, 7}},
                                                               {7, {0, 1, 2, 4, 5, 6, 7}},
                                                               {8, {0, 1, 2, 3, 4, 5, 6, 7}},
                                                               {9, {0, 1, 2, 3, 4, 5, 6, 7}},
                                                               {0, {0, 1, 2, 3, 4, 5, 6, 7}}};
  for (const auto& [k, expected] : cases) {
    std::set<Token> found;
    for (const auto& [token, count] : draws(ties, params(3, k), 3000)) found.insert(token);
    CHECK_EQUAL(found, expected);
  }
}

TEST("sampler: top-p keeps the fewest that hold the mass, of equal ones the lower ids") {
  const std::vector<float> equal(8, -2.5F);
  const std::vector<std::pair<double, size_t>> cases{{1e-12, 1}, {0.125, 1}, {0.126, 2}, {0.25, 2}, {0.5, 4},
                                                     {0.51, 5},  {0.875, 7}, {0.9, 8},   {1, 8}};
  for (const auto& [p, count] : cases) {
    std::set<Token> found, expected;
    for (const auto& [token, times] : draws(equal, params(1, 0, p), 3000)) found.insert(token);
    for (size_t i = 0; i < count; ++i) expected.insert(static_cast<Token>(i));
    CHECK_EQUAL(found, expected);
  }
}

TEST("sampler: top-p looks at what top-k left") {
  // Of 0.4, 0.3, 0.2, 0.1 top-k keeps two: 0.57 and 0.43. 0.5 needs one of them, but two of all four.
  std::vector<float> logits;
  for (double p : {0.1, 0.4, 0.2, 0.3}) logits.push_back(static_cast<float>(std::log(p)));
  CHECK_EQUAL(draws(logits, params(1, 2, 0.5), 2000).size(), size_t{1});
  CHECK_EQUAL(draws(logits, params(1, 0, 0.5), 2000).size(), size_t{2});
  // Temperature comes first: at 100 the four are nearly equal, and 0.5 needs more than one of the two.
  CHECK_EQUAL(draws(logits, params(100, 2, 0.55), 2000).size(), size_t{2});
  CHECK_EQUAL(draws(logits, params(0.1, 2, 0.55), 2000).size(), size_t{1});
}

TEST("sampler: supports equal those of the definition on random logits, with and without ties") {
  std::mt19937 random(17);
  for (int i = 0; i < 150; ++i) {
    auto logits = random_logits(random, 1 + random() % 40, 3);
    if (i % 2 == 0) {
      for (auto& logit : logits) logit = std::floor(logit * 2) / 2;
    }
    if (i % 5 == 0) logits[random() % logits.size()] += 4;
    const double temperature = 0.5 + static_cast<double>(random() % 150) / 100;
    const auto top_k = static_cast<int32_t>(random() % 45);
    const double top_p = i % 3 == 0 ? 1 : 0.0137 + static_cast<double>(random() % 98) / 100;
    check_support(logits, params(temperature, top_k, top_p, static_cast<uint32_t>(random())));
  }
}

TEST("sampler: a vocabulary of one") {
  for (const auto& p : {params(0), params(1), params(1, 1), params(1, 40, 0.9), params(1, 0, 1e-9)}) {
    CHECK_EQUAL(Sampler(p).sample(std::vector<float>{-1e30F}), 0);
  }
}

TEST("sampler: frequencies are the probabilities") {
  const std::vector<float> logits{0.1F, 1.7F, -0.4F, 1.1F, 0.9F, -2, 1.7F, 0.3F, 0.2F, -1};
  constexpr int kDraws = 200000;
  for (const auto& p :
       {params(1), params(0.7), params(1.8), params(1, 6), params(1, 0, 0.8), params(0.9, 7, 0.85), params(50)}) {
    const auto expected = probabilities(logits, p);
    const auto counts = draws(logits, p, kDraws);
    for (const auto& [token, count] : counts) CHECK(expected.contains(token));
    // At most 9 degrees of freedom: a sound sampler exceeds 33.7 in one of 10,000 seeds, and this seed is fixed.
    CHECK(chi_square(counts, expected, kDraws) < 33.7);
  }
}

TEST("sampler: first draws of neighbouring seeds are as good as draws of one seed") {
  const std::vector<float> logits{0.1F, 1.7F, -0.4F, 1.1F, 0.9F};
  constexpr int kSeeds = 200000;
  std::map<Token, int> counts;
  for (int seed = 0; seed < kSeeds; ++seed)
    ++counts[Sampler(params(1, 0, 1, static_cast<uint32_t>(seed))).sample(logits)];
  CHECK(chi_square(counts, probabilities(logits, params(1)), kSeeds) < 33.7);
}

TEST("sampler: the draws of a seed are splitmix64's, on every platform") {
  // The first outputs of splitmix64 for seed 0 are e220a8397b1dcdaf, 6e789e6aa1b965f4, 06c45d188009454f; over 2^64:
  // 0.883, 0.431, 0.026.
  const std::vector<float> flat(1000, 0.5F);
  Sampler sampler(params(1, 0, 1, 0));
  CHECK_EQUAL(sampler.sample(flat), 883);
  CHECK_EQUAL(sampler.sample(flat), 431);
  CHECK_EQUAL(sampler.sample(flat), 26);
}

TEST("sampler: the same seed draws the same, others differ, and neighbours do not matter") {
  const std::vector<float> logits(50, 1);
  const std::vector<float> other(70, 2);
  Sampler alone(params(1, 0, 1, 5)), beside(params(1, 0, 1, 5)), neighbour(params(1, 9, 0.5, 5)),
      another(params(1, 0, 1, 6));
  std::vector<Token> a, b, c;
  for (int i = 0; i < 100; ++i) {
    a.push_back(alone.sample(logits));
    neighbour.sample(other);
    b.push_back(beside.sample(logits));
    neighbour.sample(logits);
    c.push_back(another.sample(logits));
  }
  CHECK_EQUAL(b, a);
  CHECK(c != a);
}

TEST("sampler: rows of different lengths leave nothing behind for each other") {
  Sampler sampler(params(1));
  const std::vector<float> wide(100, 0), narrow{0, 0, 0};
  for (int i = 0; i < 300; ++i) {
    CHECK(sampler.sample(wide) < 100);
    CHECK(sampler.sample(narrow) < 3);
  }
}

TEST("sampler: extremes of temperature and of logits") {
  const std::vector<float> logits{-3e38F, 1, 3e38F, -kInfinity, 0};
  for (double temperature : {1e-60, 1e-40, 1e-3, 1.0, 1e30}) {
    for (double top_p : {1.0, 0.9}) CHECK_EQUAL(draws(logits, params(temperature, 0, top_p), 200).contains(3), false);
  }
  for (double temperature : {1e-60, 1e-40, 1e-3, 1.0, 1e3}) {
    for (const auto& [token, count] : draws(logits, params(temperature), 200)) CHECK_EQUAL(token, 2);
  }
}

TEST("sampler: the last bits of two logits that are about equal do not change what is drawn") {
  std::vector<float> logits(100);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i % 10);
  auto nudged = logits;
  for (size_t i = 0; i < nudged.size(); i += 3) nudged[i] += 1e-5F;
  // Ten tokens of each likelihood; k and nucleus end between two likelihoods.
  for (const auto& [top_k, top_p] : {std::pair{40, 1.0}, std::pair{0, 0.91}, std::pair{60, 0.91}, std::pair{0, 1.0}}) {
    int differ = 0;
    for (uint32_t seed = 0; seed < 500; ++seed) {
      llm::SamplingParams params;
      params.temperature = 0.8;
      params.top_k = top_k;
      params.top_p = top_p;
      params.seed = seed;
      differ += llm::Sampler(params).sample(logits) != llm::Sampler(params).sample(nudged) ? 1 : 0;
    }
    CHECK(differ <= 1);
  }
}
