#include "openvino/runners/first_step.h"

#include <algorithm>
#include <cmath>

namespace llm {

std::vector<float> first_logits(Runner& runner) {
  const std::vector<Token> tokens{0};
  if (!runner.admit(0, Rope::kShort, tokens, tokens.size(), 0)) return {};
  const Span span{0, tokens, 0, 1};
  runner.start({&span, 1});
  const Rows rows = runner.wait();
  const auto row = rows.row(0);
  std::vector<float> logits(row.begin(), row.end());
  runner.drop(0);
  runner.reset();
  return logits;
}

bool same_logits(std::span<const float> left, std::span<const float> right) {
  if (left.empty() || left.size() != right.size()) return false;
  float low = left[0], high = left[0], difference = 0;
  for (size_t i = 0; i < left.size(); ++i) {
    if (!std::isfinite(left[i]) || !std::isfinite(right[i])) return false;
    low = std::min(low, left[i]);
    high = std::max(high, left[i]);
    difference = std::max(difference, std::abs(left[i] - right[i]));
  }
  // Threads may share out sums in another order each time, in bf16 too.
  constexpr float kMost = 0.02F;
  return difference <= kMost * (high - low);
}

}  // namespace llm
