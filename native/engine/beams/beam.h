// What a sequence that is one of the beams of a search holds beside its tokens.
#pragma once
#include <memory>
#include <vector>

#include "engine/event.h"

namespace llm {

class BeamSearch;

struct Beam {
  std::shared_ptr<BeamSearch> search;
  std::vector<float> logits;  // behind its tokens; empty until they are computed
  Logprobs logprobs;          // of its tokens, when they are wanted
};

}  // namespace llm
