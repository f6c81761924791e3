#include "engine/beams/best_continuations.h"

#include <algorithm>
#include <limits>

#include "engine/sampling/logits.h"

namespace llm {

// Almost every token costs one comparison.
void BestContinuations::show(const Continuation& running, std::span<const float> log_probabilities) {
  const auto consider = [&](size_t token) {
    const double score = running.score + static_cast<double>(log_probabilities[token]);
    if (kept_.size() == most_ && score <= kept_.back().score) return;
    const auto place =
        std::find_if(kept_.begin(), kept_.end(), [score](const auto& other) { return score > other.score; });
    kept_.insert(place, {running.beam, static_cast<Token>(token), score});
    if (kept_.size() > most_) kept_.pop_back();
  };
  const auto bound = [&] {
    const float least = std::numeric_limits<float>::lowest();
    if (kept_.size() < most_) return least;
    const auto needed = static_cast<float>(kept_.back().score - running.score);
    return std::max(least, std::nextafter(needed, least));  // with room for rounding
  };
  size_t i = 0;
  for (; i + kLogitLanes <= log_probabilities.size(); i += kLogitLanes) {
    if (!any_at_least(log_probabilities.data() + i, bound())) continue;
    for (size_t lane = i; lane < i + kLogitLanes; ++lane) {
      if (log_probabilities[lane] >= bound()) consider(lane);
    }
  }
  for (; i < log_probabilities.size(); ++i) {
    if (log_probabilities[i] >= bound()) consider(i);
  }
}

}  // namespace llm
