#include "engine/sampling/sampler.h"

#include <algorithm>
#include <cmath>

#include "engine/failure.h"
#include "engine/sampling/logits.h"

namespace llm {

Sampler::Sampler(const SamplingParams& params)
    : temperature_(static_cast<float>(std::min(params.temperature, 1e30))),  // beyond it the quotients would be NaN
      top_k_(static_cast<size_t>(params.top_k)),
      truncation_(params),
      state_(params.seed) {}

// splitmix64 (Steele, Lea, Flood 2014): the same draws on every platform, unlike the distributions of <random>.
double Sampler::uniform() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1.0p-53;
}

Token Sampler::sample(std::span<const float> logits) {
  const auto [max, sound] = range_of(logits);
  if (!sound) throw Failure(ERR_NON_FINITE, "the model computed logits that are NaN or infinite");
  if (temperature_ == 0) {
    return static_cast<Token>(std::find(logits.begin(), logits.end(), max) - logits.begin());
  }
  if (top_k_ > 0 && top_k_ < logits.size()) {
    keep_top_k(logits, max);
  } else {
    keep_all(logits, max);
  }
  return draw();
}

void Sampler::keep_all(std::span<const float> logits, float max) {
  candidates_.resize(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    candidates_[i] = {std::exp((logits[i] - max) / temperature_), static_cast<Token>(i)};
  }
}

// A min-heap of the k largest: one comparison for almost every logit, no copy of the row. top_k_ < logits.size().
void Sampler::keep_top_k(std::span<const float> logits, float max) {
  const auto larger = [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.token < b.token;
  };
  candidates_.clear();
  size_t next = 0;
  for (; candidates_.size() < top_k_; ++next) candidates_.push_back({logits[next], static_cast<Token>(next)});
  std::make_heap(candidates_.begin(), candidates_.end(), larger);
  const auto consider = [&](size_t i) {
    if (logits[i] <= candidates_.front().weight) return;
    std::pop_heap(candidates_.begin(), candidates_.end(), larger);
    candidates_.back() = {logits[i], static_cast<Token>(i)};
    std::push_heap(candidates_.begin(), candidates_.end(), larger);
  };
  for (; next + kLogitLanes <= logits.size(); next += kLogitLanes) {
    if (!any_above(logits.data() + next, candidates_.front().weight)) continue;
    for (size_t lane = 0; lane < kLogitLanes; ++lane) consider(next + lane);
  }
  for (; next < logits.size(); ++next) consider(next);
  for (auto& candidate : candidates_) candidate.weight = std::exp((candidate.weight - max) / temperature_);
}

Token Sampler::draw() {
  double total = 0;
  for (const auto& candidate : candidates_) total += candidate.weight;
  kept_ = truncation_.keep({candidates_, total});
  const auto& candidates = kept_.candidates;
  // By token: another order of two that are about equally likely, as the last bits of a logit make it, must not change
  // what is drawn.
  if (top_k_ > 0 || truncation_.active()) {
    std::sort(candidates.begin(), candidates.end(), [](auto& a, auto& b) { return a.token < b.token; });
  }
  double target = uniform() * kept_.total;
  for (const auto& candidate : candidates) {
    target -= candidate.weight;
    if (target < 0) return candidate.token;
  }
  // Rounding may leave a crumb of the target: then the most likely token, which always has a weight.
  return std::max_element(candidates.begin(), candidates.end(), less_likely)->token;
}

}  // namespace llm
