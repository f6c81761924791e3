#include "engine/sampling/log_probabilities.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/sampling/logits.h"

namespace llm {
namespace {

constexpr double kImpossible = -std::numeric_limits<double>::infinity();
constexpr Token kNoToken = -1;

struct Ranked {
  double value;
  Token token;
};

bool likelier(const Ranked& a, const Ranked& b) { return a.value != b.value ? a.value > b.value : a.token < b.token; }

// Gathers the `top` likeliest of what it is shown. Almost every token costs one comparison.
class Top {
 public:
  explicit Top(size_t top) : top_(top) { kept_.reserve(top + 1); }

  void show(Ranked one) {
    if (top_ == 0 || one.value == kImpossible) return;
    if (kept_.size() == top_ && !likelier(one, kept_.back())) return;
    kept_.insert(std::upper_bound(kept_.begin(), kept_.end(), one, likelier), one);
    if (kept_.size() > top_) kept_.pop_back();
  }

  // Each value becomes value - `subtrahend`.
  void write(double subtrahend, Logprobs& found) const {
    for (size_t i = 0; i < top_; ++i) {
      const bool there = i < kept_.size();
      found.top_tokens.push_back(there ? kept_[i].token : kNoToken);
      found.top_values.push_back(there ? kept_[i].value - subtrahend : kImpossible);
    }
  }

 private:
  const size_t top_;
  std::vector<Ranked> kept_;  // the likeliest first
};

}  // namespace

void add_log_probability(std::span<const float> logits, Token token, size_t top, Logprobs& found) {
  const float max = sound_max(logits);
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit - max);
  const double logarithm = max + std::log(sum);
  Top likeliest(top);
  if (top > 0) {
    for (size_t i = 0; i < logits.size(); ++i) likeliest.show({logits[i], static_cast<Token>(i)});
  }
  found.values.push_back(logits[static_cast<size_t>(token)] - logarithm);
  likeliest.write(logarithm, found);
}

void add_log_probability(const Kept& drawn_from, Token token, size_t top, Logprobs& found) {
  const double logarithm = std::log(drawn_from.total);
  double value = kImpossible;
  Top likeliest(top);
  for (const Candidate& candidate : drawn_from.candidates) {
    const double weight = std::log(double{candidate.weight});
    if (candidate.token == token) value = weight - logarithm;
    likeliest.show({weight, candidate.token});
  }
  found.values.push_back(value);
  likeliest.write(logarithm, found);
}

Logprobs prompt_log_probabilities(Sequence& sequence, const Span& span, const Rows& rows, size_t row) {
  Logprobs found{sequence.id, true, {}, {}, {}};
  const size_t end = span.position + span.tokens.size();
  const size_t first = end - span.rows;  // the token whose row is the first
  const auto top = static_cast<size_t>(sequence.params.prompt_logprobs);
  for (; sequence.unreported <= end && sequence.unreported < sequence.prompt; ++sequence.unreported) {
    const size_t at = sequence.unreported;
    add_log_probability(rows.row(row + at - 1 - first), sequence.tokens[at], top, found);
  }
  return found;
}

}  // namespace llm
