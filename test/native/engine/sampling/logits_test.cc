#include "engine/sampling/logits.h"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tap.h"

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TEST("logits: the largest, wherever it is") {
  for (size_t size = 1; size < 40; ++size) {
    for (size_t at = 0; at < size; ++at) {
      std::vector<float> row(size, -kInfinity);
      row[at] = -3;
      CHECK_EQUAL(llm::range_of(row).max, -3.0F);
      CHECK(llm::range_of(row).sound);
    }
  }
}

TEST("logits: what counts as sound") {
  CHECK(llm::range_of(std::vector<float>{-kInfinity, 0, 3}).sound);
  CHECK(llm::range_of(std::vector<float>{-std::numeric_limits<float>::max()}).sound);
  CHECK(!llm::range_of(std::vector<float>{-kInfinity, -kInfinity}).sound);
  CHECK(!llm::range_of({}).sound);
  CHECK_EQUAL(llm::range_of(std::vector<float>{-0.0F, 0.0F}).max, 0.0F);
  for (const float bad : {kNan, -kNan, kInfinity}) {
    for (size_t at = 0; at < 37; ++at) {
      std::vector<float> row(37, 1.0F);
      row[at] = bad;
      CHECK(!llm::range_of(row).sound);
    }
  }
}

TEST("logits: whether one of a lane's worth reaches a bound") {
  std::vector<float> row(llm::kLogitLanes, 2.0F);
  CHECK(!llm::any_at_least(row.data(), 2.5F));
  row.back() = 2.5F;
  CHECK(llm::any_at_least(row.data(), 2.5F));
}

TEST("logits: exponentials, and sums of them, are those of the library") {
  std::mt19937 random(5);
  std::normal_distribution<float> normal(0, 6);
  CHECK_EQUAL(llm::exponential(0), 1.0F);
  CHECK_EQUAL(llm::exponential(-std::numeric_limits<float>::infinity()), 0.0F);
  for (int i = 0; i < 20000; ++i) {
    const float x = -std::abs(normal(random)) * (i % 4 == 0 ? 5 : 1);
    const double expected = x < llm::kLeastExponent ? 0 : std::exp(static_cast<double>(x));
    CHECK(std::abs(llm::exponential(x) - expected) <= 2e-7 * expected);
  }
  for (const size_t size : {1, 15, 16, 17, 4096, 4097, 20000}) {
    std::vector<float> row(size);
    for (float& logit : row) logit = normal(random);
    row[size / 2] = -std::numeric_limits<float>::infinity();
    row[0] = 30;
    double expected = 0;
    for (const float logit : row) expected += std::exp((static_cast<double>(logit) - 30) / 1.5);
    CHECK(std::abs(llm::sum_of_exponentials(row, 30, 1 / 1.5F) - expected) <= 2e-6 * expected);
  }
}
