#include "engine/sampling/processors/dry.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace llm {
namespace {

constexpr size_t kLongest = 50;  // the author's bound of a repetition

}  // namespace

Dry::Dry(const SamplingParams& params)
    : multiplier_(params.dry_multiplier),
      base_(params.dry_base),
      allowed_length_(static_cast<size_t>(params.dry_allowed_length)),
      last_n_(params.dry_penalty_last_n < 0 ? std::numeric_limits<size_t>::max()
                                            : static_cast<size_t>(params.dry_penalty_last_n)),
      breakers_(params.dry_sequence_breakers) {
  std::sort(breakers_.begin(), breakers_.end());
}

bool Dry::breaks(Token token) const { return std::binary_search(breakers_.begin(), breakers_.end(), token); }

// How many tokens up to `end`, which is the same as the last one, are the same as the last ones.
size_t Dry::repeated(std::span<const Token> tokens, size_t end) const {
  size_t length = 1;
  while (length < kLongest && length <= end) {
    const Token token = tokens[tokens.size() - 1 - length];
    if (tokens[end - length] != token || breaks(token)) break;
    ++length;
  }
  return length;
}

void Dry::process(std::span<float> logits, const TokensSoFar& so_far) {
  if (longest_.empty()) {
    longest_.resize(logits.size());
    prolonging_.reserve(logits.size());
  }
  const auto tokens = so_far.all.last(std::min(last_n_, so_far.all.size()));
  if (tokens.empty() || breaks(tokens.back())) return;
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (tokens[i] != tokens.back()) continue;
    const auto next = static_cast<size_t>(tokens[i + 1]);
    if (next >= logits.size() || breaks(tokens[i + 1])) continue;
    if (longest_[next] == 0) prolonging_.push_back(tokens[i + 1]);
    longest_[next] = std::max(longest_[next], static_cast<uint8_t>(repeated(tokens, i)));
  }
  for (const Token token : prolonging_) {
    const size_t length = std::exchange(longest_[static_cast<size_t>(token)], uint8_t{0});
    if (length < allowed_length_) continue;
    const double penalty = multiplier_ * std::pow(base_, static_cast<double>(length - allowed_length_));
    logits[static_cast<size_t>(token)] -= static_cast<float>(std::min(penalty, 1e30));  // a float holds no more
  }
  prolonging_.clear();
}

}  // namespace llm
