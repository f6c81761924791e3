// The options that narrow down which tokens may be drawn once the logits have become weights. An option is one struct:
// its field of SamplingParams, its name at the boundary, the values it may have, and its step. `Truncation` lists them
// in the order of their steps; the boundary and the sampler read that list, so a new option is written here alone.
#pragma once
#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "engine/types.h"

namespace llm {

struct Candidate {
  float exponent;  // (logit - max) / temperature
  float weight;    // e to the power of it: 1 for the most likely token
  Token token;
};

// The heaviest candidate is the most likely one; of equal weights the lower id.
inline bool less_likely(const Candidate& a, const Candidate& b) {
  return a.weight != b.weight ? a.weight < b.weight : a.token > b.token;
}

// Candidates that may still be drawn, in any order, never none; and the sum of their weights.
struct Kept {
  std::span<Candidate> candidates;
  double total;
};

// Those with this weight or more, but no fewer than the `least` most likely ones.
inline Kept heaviest(std::span<Candidate> candidates, double bound, size_t least) {
  if (least >= candidates.size()) {
    bound = 0;
  } else if (least > 0) {
    const auto last = candidates.begin() + static_cast<std::ptrdiff_t>(least - 1);
    std::nth_element(candidates.begin(), last, candidates.end(),
                     [](const Candidate& a, const Candidate& b) { return less_likely(b, a); });
    bound = std::min<double>(bound, last->weight);
  }
  const auto begin = candidates.begin();
  const auto end = std::partition(begin, candidates.end(), [&](const Candidate& c) { return c.weight >= bound; });
  return {{begin, end},
          std::accumulate(begin, end, 0.0, [](double sum, const Candidate& c) { return sum + c.weight; })};
}

// In nats.
inline double entropy(const Kept& kept) {
  double sum = 0;
  for (const auto& c : kept.candidates) sum += static_cast<double>(c.weight) * c.exponent;
  return std::log(kept.total) - sum / kept.total;
}

// The fewest most likely candidates that together have this probability (Holtzman et al. 2019, arXiv:1904.09751;
// transformers' TopPLogitsWarper).
struct TopP {
  static constexpr const char* kName = "topP";
  double top_p = 1;  // in (0, 1]; 1 keeps all

  double& value() { return top_p; }
  bool valid() const { return top_p > 0 && top_p <= 1; }
  bool active() const { return top_p < 1; }
  // What lies below the average share of the tail cannot be in the nucleus: all of it together weighs less than the
  // tail.
  double floor(double total, size_t count) const { return (1 - top_p) * total / static_cast<double>(count); }
  Kept keep(Kept kept, size_t least) const {
    auto [candidates, total] = kept;
    // A max-heap hands out the most likely first; only as many as the nucleus holds are ever ordered.
    std::make_heap(candidates.begin(), candidates.end(), less_likely);
    const auto end = candidates.end();
    auto begin = end;
    double mass = 0;
    for (size_t count = 0; begin != candidates.begin() && (mass < top_p * total || count < least); ++count) {
      std::pop_heap(candidates.begin(), begin, less_likely);
      mass += (--begin)->weight;
    }
    return {{begin, end}, mass};
  }
};

// The candidates whose probability is at least min_p times the largest one (Nguyen et al. 2024, arXiv:2407.01082;
// transformers' MinPLogitsWarper).
struct MinP {
  static constexpr const char* kName = "minP";
  double min_p = 0;  // in [0, 1]; 0 keeps all

  double& value() { return min_p; }
  bool valid() const { return min_p >= 0 && min_p <= 1; }
  bool active() const { return min_p > 0; }
  double floor(double, size_t) const { return min_p; }  // the largest weight is 1
  Kept keep(Kept kept, size_t least) const {
    const auto most = std::max_element(kept.candidates.begin(), kept.candidates.end(), less_likely);
    return heaviest(kept.candidates, min_p * most->weight, least);
  }
};

// The candidates whose information is nearest to the expected one, as many as together have this probability (Meister
// et al. 2022, arXiv:2202.00666; transformers' TypicalLogitsWarper).
struct TypicalP {
  static constexpr const char* kName = "typicalP";
  double typical_p = 1;  // in (0, 1]; 1 keeps all

  double& value() { return typical_p; }
  bool valid() const { return typical_p > 0 && typical_p <= 1; }
  bool active() const { return typical_p < 1; }
  double floor(double, size_t) const { return 0; }
  Kept keep(Kept kept, size_t least) const {
    const auto candidates = kept.candidates;
    const double expected = std::log(kept.total) - entropy(kept);
    const auto distance = [&](const Candidate& c) { return std::abs(expected - c.exponent); };
    const auto less_typical = [&](const Candidate& a, const Candidate& b) {
      const double left = distance(a), right = distance(b);
      return left != right ? left > right : a.token > b.token;
    };
    std::make_heap(candidates.begin(), candidates.end(), less_typical);
    const auto end = candidates.end();
    auto begin = end;
    double mass = 0, farthest = 0;
    for (size_t count = 0; begin != candidates.begin(); ++count) {
      // Those as near as the last one that the probability needs stay with it.
      const bool enough = mass >= typical_p * kept.total;
      if (enough && count >= least && distance(candidates.front()) > farthest) break;
      if (!enough) farthest = distance(candidates.front());
      std::pop_heap(candidates.begin(), begin, less_typical);
      mass += (--begin)->weight;
    }
    return {{begin, end}, mass};
  }
};

// The candidates with at least this probability (Hewitt et al. 2022, arXiv:2210.15191; transformers'
// EpsilonLogitsWarper).
struct EpsilonCutoff {
  static constexpr const char* kName = "epsilonCutoff";
  double epsilon = 0;  // in [0, 1); 0 keeps all

  double& value() { return epsilon; }
  bool valid() const { return epsilon >= 0 && epsilon < 1; }
  bool active() const { return epsilon > 0; }
  double floor(double total, size_t) const { return epsilon * total; }
  Kept keep(Kept kept, size_t least) const { return heaviest(kept.candidates, epsilon * kept.total, least); }
};

// The same with a bound that falls with the entropy: the smaller of eta and sqrt(eta) * e^-entropy (transformers'
// EtaLogitsWarper).
struct EtaCutoff {
  static constexpr const char* kName = "etaCutoff";
  double eta = 0;  // in [0, 1); 0 keeps all

  double& value() { return eta; }
  bool valid() const { return eta >= 0 && eta < 1; }
  bool active() const { return eta > 0; }
  double floor(double, size_t) const { return 0; }
  Kept keep(Kept kept, size_t least) const {
    const double bound = std::min(eta, std::sqrt(eta) * std::exp(-entropy(kept)));
    return heaviest(kept.candidates, bound * kept.total, least);
  }
};

template <class... Options>
struct Truncations : Options... {
  // Calls visit(name, value) for each option.
  template <class Visit>
  void each(Visit&& visit) {
    (visit(Options::kName, Options::value()), ...);
  }
  bool valid() const { return (Options::valid() && ...); }
  bool active() const { return (Options::active() || ...); }
  // Candidates with less weight are not kept by the first option that acts, when one is the least that must be kept.
  double floor(double total, size_t count) const {
    double floor = 0;
    ((Options::active() && (floor = Options::floor(total, count), true)) || ...);
    return floor;
  }
  // No option keeps fewer than the `least` candidates that it likes best.
  Kept keep(Kept kept, size_t least) const {
    ((kept = Options::active() ? Options::keep(kept, least) : kept), ...);
    return kept;
  }
};

using Truncation = Truncations<TopP, MinP, TypicalP, EpsilonCutoff, EtaCutoff>;

}  // namespace llm
