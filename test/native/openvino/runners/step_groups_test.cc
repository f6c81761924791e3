#include "openvino/runners/step_groups.h"

#include <limits>
#include <vector>

#include "tap.h"

namespace llm {
namespace {

constexpr double kUnbounded = std::numeric_limits<double>::infinity();

// The spans of each group that groups with sequences of these lengths become.
std::vector<std::vector<size_t>> joined(const std::vector<std::vector<size_t>>& lengths, Sharing sharing,
                                        double room = kUnbounded) {
  std::vector<StepGroup> groups;
  size_t span = 0;
  for (const auto& group : lengths) {
    StepGroup made{{}, {}, 0, std::numeric_limits<size_t>::max()};
    for (const size_t length : group) {
      made.spans.push_back(span++);
      made.longest = std::max(made.longest, length);
      made.shortest = std::min(made.shortest, length);
    }
    groups.push_back(made);
  }
  join(groups, sharing, room);
  std::vector<std::vector<size_t>> spans;
  for (const auto& group : groups) spans.push_back(group.spans);
  return spans;
}

using Spans = std::vector<std::vector<size_t>>;

TEST("groups: sequences of any like lengths join where they may be padded") {
  CHECK_EQUAL(joined({{5}, {60, 3}, {33}}, Sharing::kPadded), (Spans{{0, 1, 2, 3}}));
}

TEST("groups: only those of equal length join where they may not") {
  CHECK_EQUAL(joined({{5}, {9, 9}, {5}, {9}}, Sharing::kEqual), (Spans{{1, 2, 4}, {0, 3}}));
}

TEST("groups: padding far longer than a sequence is not taken") {
  CHECK_EQUAL(joined({{5000}, {20}, {3000}, {100}}, Sharing::kPadded), (Spans{{0, 2}, {1, 3}}));
}

TEST("groups: padding that memory has no room for is not taken") {
  CHECK_EQUAL(joined({{200}, {20}, {180}}, Sharing::kPadded, 400), (Spans{{0, 2}, {1}}));
}

}  // namespace
}  // namespace llm
