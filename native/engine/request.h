// What JavaScript asks for. Plain data.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/sampling/params.h"
#include "engine/types.h"

namespace llm {

// Mirrors RequestParams in lib/engine/boundary.ts.
struct RequestParams : SamplingParams {
  int32_t max_new_tokens = 0;
  std::vector<Token> stop_token_ids;
  double priority = 0;
  int32_t lookup_ngram = 0;
  int32_t lookup_tokens = 0;
};

struct Request {
  std::vector<SequenceId> ids;  // one per answer; answer i draws with seed + i
  std::vector<Token> prompt;
  RequestParams params;
};

}  // namespace llm
