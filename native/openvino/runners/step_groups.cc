#include "openvino/runners/step_groups.h"

#include <algorithm>
#include <utility>

namespace llm {
namespace {

bool fits(const StepGroup& a, const StepGroup& b, Sharing sharing, double room) {
  const size_t longest = std::max(a.longest, b.longest), shortest = std::min(a.shortest, b.shortest);
  if (sharing != Sharing::kPadded) return longest == shortest;
  const double padded = static_cast<double>(longest) * static_cast<double>(a.spans.size() + b.spans.size());
  return !is_wasteful(longest, shortest) && padded <= room;
}

}  // namespace

void add_to_groups(std::vector<StepGroup>& groups, StateBatch& batch, size_t span, size_t tokens) {
  for (auto& group : groups) {
    if (group.batches.front() != &batch) continue;
    group.spans.push_back(span);
    group.longest = std::max(group.longest, tokens);
    group.shortest = std::min(group.shortest, tokens);
    return;
  }
  groups.push_back({{&batch}, {span}, tokens, tokens});
}

void join(std::vector<StepGroup>& groups, Sharing sharing, double room) {
  // Sequences of like length come together.
  std::stable_sort(groups.begin(), groups.end(), [](auto& a, auto& b) { return a.longest > b.longest; });
  std::vector<StepGroup> joined;
  for (auto& group : groups) {
    const auto into =
        std::find_if(joined.begin(), joined.end(), [&](auto& other) { return fits(other, group, sharing, room); });
    if (into == joined.end()) {
      joined.push_back(std::move(group));
      continue;
    }
    into->batches.insert(into->batches.end(), group.batches.begin(), group.batches.end());
    into->spans.insert(into->spans.end(), group.spans.begin(), group.spans.end());
    std::sort(into->spans.begin(), into->spans.end());
    into->longest = std::max(into->longest, group.longest);
    into->shortest = std::min(into->shortest, group.shortest);
  }
  groups = std::move(joined);
}

}  // namespace llm
