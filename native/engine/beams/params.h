// What a request says of beam search, with the one list of these fields that the boundary reads.
#pragma once
#include <cmath>
#include <cstdint>

namespace llm {

// When a search ends before its beams reach the longest length, once `num_beams` answers have ended. By default: when
// the best running beam, as long as it is now, scores no better than the worst of those.
enum EarlyStopping : int32_t {
  kByEstimate,
  kAtOnce,
  kNever,  // not before no running beam can become better, whatever its length
};

// Ranges, defaults and sources of the options: lib/options/beams.ts.
struct BeamParams {
  int32_t num_beams = 1;  // 1: no beam search
  int32_t num_beam_groups = 1;
  double diversity_penalty = 0;
  double length_penalty = 1;
  int32_t early_stopping = kByEstimate;
};

template <class Visit>
void each_field(BeamParams& params, Visit&& visit) {
  visit("numBeams", params.num_beams);
  visit("numBeamGroups", params.num_beam_groups);
  visit("diversityPenalty", params.diversity_penalty);
  visit("lengthPenalty", params.length_penalty);
  visit("earlyStopping", params.early_stopping);
}

inline bool in_range(const BeamParams& p) {
  return p.num_beams >= 1 && p.num_beams <= 64 && p.num_beam_groups >= 1 && p.num_beams % p.num_beam_groups == 0 &&
         p.diversity_penalty >= 0 && p.diversity_penalty <= 1e4 && std::abs(p.length_penalty) <= 100 &&
         p.early_stopping >= kByEstimate && p.early_stopping <= kNever;
}

}  // namespace llm
