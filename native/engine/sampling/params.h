// How one answer is sampled, with the one list of these fields that the boundary reads.
#pragma once
#include <cstdint>

#include "engine/sampling/truncation.h"

namespace llm {

struct SamplingParams : Truncation {
  double temperature = 0;  // ≥ 0; 0 is greedy
  int32_t top_k = 0;       // ≥ 0; 0 keeps all
  uint32_t seed = 0;       // answer i of a request draws with seed + i
};

// In the order of the table in lib/options/sampling.ts.
template <class Visit>
void each_field(SamplingParams& params, Visit&& visit) {
  visit("temperature", params.temperature);
  visit("topK", params.top_k);
  params.each(visit);
  visit("seed", params.seed);
}

inline bool in_range(const SamplingParams& params) {
  return params.temperature >= 0 && params.top_k >= 0 && params.valid();
}

}  // namespace llm
