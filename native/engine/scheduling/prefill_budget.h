// How many prompt tokens a step may compute beside running answers without slowing these more than agreed. Follows what
// the steps take: a prompt's tokens cost more the longer the prompt, and machines swing.
#pragma once
#include <algorithm>
#include <cstddef>

namespace llm {

class PrefillBudget {
 public:
  // A step that computes prompts beside answers may take this many times what the answers alone take, on average: then
  // 19 of 20 take less than 2.5 times that.
  static constexpr double kSlowdown = 1.8;

  // A step took so many milliseconds: `answers` rows of running answers and `prompts` tokens of prompts.
  void learn(size_t answers, size_t prompts, double milliseconds) {
    if (answers == 0) return;
    if (prompts == 0) {
      // Per step, not per row: while decoding is bound by reading weights a row more costs little.
      quiet_ = quiet_ == 0 ? milliseconds : mean(quiet_, std::min(milliseconds, kOutlier * quiet_));
    } else if (quiet_ > 0) {
      const double each = std::max(milliseconds - quiet_, kLeast * quiet_) / static_cast<double>(prompts);
      per_token_ = per_token_ == 0 ? each : mean(per_token_, std::min(each, kOutlier * per_token_));
    }
  }

  // Prompt tokens for the next step beside running answers; `first` as long as nothing is known.
  size_t tokens(size_t first) const {
    if (per_token_ == 0) return first;
    return static_cast<size_t>((kSlowdown - 1) * quiet_ / per_token_);
  }

 private:
  static constexpr double kOutlier = 2;
  static constexpr double kLeast = 0.05;  // of a quiet step: what a prompt's tokens cost at least, together
  static double mean(double old, double sample) { return old + (sample - old) / 4; }

  double quiet_ = 0;      // milliseconds of a step that computes answers alone
  double per_token_ = 0;  // milliseconds more for each prompt token beside them
};

}  // namespace llm
