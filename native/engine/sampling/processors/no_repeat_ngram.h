// No sequence of so many tokens comes twice, prompt included (transformers' NoRepeatNGramLogitsProcessor).
#pragma once
#include <algorithm>
#include <span>

#include "engine/sampling/logits_processor.h"
#include "engine/sampling/processors/bans.h"

namespace llm {

class NoRepeatNgram : public LogitsProcessor {
 public:
  explicit NoRepeatNgram(size_t size) : before_(size - 1) {}  // size ≥ 1

  // Reads all tokens again: 0.1 ms for 100,000, and nothing to keep in step.
  void process(std::span<float> logits, const TokensSoFar& so_far) override {
    const auto& all = so_far.all;
    if (all.size() < before_ + 1) return;
    const auto last = all.last(before_);
    for (size_t i = before_; i < all.size(); ++i) {
      if (before_ > 0 && all[i - 1] != last.back()) continue;
      if (std::equal(last.begin(), last.end(), all.begin() + static_cast<std::ptrdiff_t>(i - before_))) {
        ban(logits, all.subspan(i, 1));
      }
    }
  }

 private:
  size_t before_;
};

}  // namespace llm
