// How many prompt tokens a step may compute beside running answers without slowing them down too much. It learns from
// the time that steps take, because prompt tokens cost more in a longer prompt and machines change their speed.
#pragma once
#include <algorithm>
#include <cstddef>

namespace llm {

class PrefillBudget {
 public:
  // On average, a step with prompts may take this many times as long as one with the answers alone. Then 19 of 20 such
  // steps take less than 2.5 times as long.
  static constexpr double kSlowdown = 1.8;

  // A step with `answers` rows of running answers and `prompts` tokens of prompts took this long.
  void learn(size_t answers, size_t prompts, double milliseconds) {
    if (answers == 0) return;
    if (prompts == 0) {
      // Per step and not per row: decoding is bound by reading the weights, so one more row costs little.
      quiet_ = quiet_ == 0 ? milliseconds : mean(quiet_, std::min(milliseconds, kOutlier * quiet_));
    } else if (quiet_ > 0) {
      const double each = std::max(milliseconds - quiet_, kLeast * quiet_) / static_cast<double>(prompts);
      per_token_ = per_token_ == 0 ? each : mean(per_token_, std::min(each, kOutlier * per_token_));
    }
  }

  // Prompt tokens for the next step beside running answers; `first` while nothing is known.
  size_t tokens(size_t first) const {
    if (per_token_ == 0) return first;
    return static_cast<size_t>((kSlowdown - 1) * quiet_ / per_token_);
  }

 private:
  static constexpr double kOutlier = 2;   // a longer time counts as this many times the mean
  static constexpr double kLeast = 0.05;  // all prompt tokens of a step cost at least this part of a quiet step
  static double mean(double old, double sample) { return old + (sample - old) / 4; }

  double quiet_ = 0;      // mean milliseconds of a step with answers alone
  double per_token_ = 0;  // mean milliseconds that each prompt token adds
};

}  // namespace llm
