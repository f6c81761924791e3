#include "engine/sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/sampling/logits.h"
#include "engine/sampling/xtc.h"

namespace llm {

Sampler::Sampler(const SamplingParams& params)
    : temperature_(static_cast<float>(std::min(params.temperature, 1e30))),  // beyond it the quotients would be NaN
      inverse_(static_cast<float>(std::min(1 / params.temperature, 1e38))),  // the same
      top_k_(static_cast<size_t>(params.top_k == 0 ? 0 : std::max(params.top_k, params.min_tokens_to_keep))),
      least_(static_cast<size_t>(params.min_tokens_to_keep)),
      truncation_(params),
      xtc_probability_(params.xtc_probability),
      xtc_threshold_(params.xtc_threshold),
      xtc_protected_(params.xtc_protected_tokens),
      state_(params.seed) {
  std::sort(xtc_protected_.begin(), xtc_protected_.end());
}

// splitmix64 (Steele, Lea, Flood 2014): the same draws on every platform, unlike the distributions of <random>.
double Sampler::uniform() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1.0p-53;
}

Token Sampler::sample(std::span<const float> logits, bool certain) {
  const float max = sound_max(logits);
  if (temperature_ == 0) {
    return static_cast<Token>(std::find(logits.begin(), logits.end(), max) - logits.begin());
  }
  candidates_.clear();
  candidates_.reserve(logits.size());  // memory that is not touched costs nothing
  if (top_k_ > 0 && top_k_ < logits.size()) {
    keep_top_k(logits, max);
  } else {
    keep_likely(logits, max);
  }
  return draw(certain);
}

void Sampler::add(float logit, float max, size_t token) {
  const float exponent = (logit - max) * inverse_;
  candidates_.push_back({exponent, exponential(exponent), static_cast<Token>(token)});
}

// All tokens but those that the first truncation would not keep. Their weight counts.
void Sampler::keep_likely(std::span<const float> logits, float max) {
  total_ = sum_of_exponentials(logits, max, inverse_);
  const double floor = least_ == 1 ? truncation_.floor(total_, logits.size()) : 0;
  // In logits, with room for rounding. A weight below the smallest float is none.
  const float tolerance = 1e-3F * temperature_ + 1e-6F * std::abs(max);
  const double bound = max + temperature_ * std::clamp(std::log(floor), kLeastExponent, 0.0) - tolerance;
  each_above(logits, static_cast<float>(bound), [&](size_t token) { add(logits[token], max, token); });
}

// A min-heap of the k largest: one comparison for almost every logit, no copy of the row. top_k_ < logits.size(). Those
// as large as the last of them stay with it.
void Sampler::keep_top_k(std::span<const float> logits, float max) {
  const auto larger = [](const Candidate& a, const Candidate& b) { return a.weight > b.weight; };
  for (size_t i = 0; i < top_k_; ++i) candidates_.push_back({0, logits[i], static_cast<Token>(i)});
  std::make_heap(candidates_.begin(), candidates_.end(), larger);
  float left_out = -std::numeric_limits<float>::infinity();  // the largest, if it is as large as the last one then was
  size_t next = top_k_;
  const auto consider = [&](size_t i) {
    const float last = candidates_.front().weight;
    if (logits[i] <= last) {
      if (logits[i] == last) left_out = last;
      return;
    }
    left_out = last;
    std::pop_heap(candidates_.begin(), candidates_.end(), larger);
    candidates_.back() = {0, logits[i], static_cast<Token>(i)};
    std::push_heap(candidates_.begin(), candidates_.end(), larger);
  };
  for (; next + kLogitLanes <= logits.size(); next += kLogitLanes) {
    if (!any_at_least(logits.data() + next, candidates_.front().weight)) continue;
    for (size_t lane = 0; lane < kLogitLanes; ++lane) consider(next + lane);
  }
  for (; next < logits.size(); ++next) consider(next);
  const float last = candidates_.front().weight;
  if (left_out == last) {
    candidates_.clear();
    each_above(logits, std::nextafter(last, -std::numeric_limits<float>::infinity()),
               [&](size_t token) { candidates_.push_back({0, logits[token], static_cast<Token>(token)}); });
  }
  total_ = 0;
  for (auto& candidate : candidates_) {
    candidate.exponent = (candidate.weight - max) * inverse_;
    candidate.weight = exponential(candidate.exponent);
    total_ += candidate.weight;
  }
}

Token Sampler::draw(bool certain) {
  kept_ = truncation_.keep({candidates_, total_}, least_);
  const bool excludes = !certain && xtc_probability_ > 0 && uniform() < xtc_probability_;
  if (excludes) kept_ = exclude_top_choices(kept_, xtc_threshold_, xtc_protected_);
  const auto& candidates = kept_.candidates;
  // By token: another order of two that are about equally likely, as the last bits of a logit make it, must not change
  // what is drawn.
  if (top_k_ > 0 || truncation_.active() || excludes) {
    std::sort(candidates.begin(), candidates.end(), [](auto& a, auto& b) { return a.token < b.token; });
  }
  double target = certain ? 0 : uniform() * kept_.total;
  for (const auto& candidate : candidates) {
    target -= candidate.weight;
    if (target < 0) return candidate.token;
  }
  // Rounding may leave a crumb of the target: then the most likely token, which always has a weight.
  return std::max_element(candidates.begin(), candidates.end(), less_likely)->token;
}

}  // namespace llm
