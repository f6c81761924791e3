#include "engine/sampling/logits.h"

#include <limits>
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

TEST("logits: whether one of a lane's worth is above a bound") {
  std::vector<float> row(llm::kLogitLanes, 2.0F);
  CHECK(!llm::any_above(row.data(), 2));
  row.back() = 2.5F;
  CHECK(llm::any_above(row.data(), 2));
}
