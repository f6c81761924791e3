// The steps between a row of logits and a token, by the names of their options and in their order: transformers' where
// it has one (diversity is a penalty of groups of beams), presence and frequency penalties beside its repetition
// penalty, then DRY; XTC last, as its author has it.
#pragma once
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "engine/sampling/logits_processor.h"
#include "engine/sampling/truncation.h"

namespace llm {

struct RequestParams;

// What processes logits, also when decoding is greedy. Penalties are one processor, which its first name makes.
struct ProcessorStep {
  const char* option;
  std::unique_ptr<LogitsProcessor> (*make)(const RequestParams& params);  // null when the request does not ask for it
};
extern const std::array<ProcessorStep, 13> kProcessorSteps;

// The processors of a request; last of all those ids are banned that have no token.
LogitsProcessors make_processors(const RequestParams& params);

// The names of all steps.
std::vector<std::string> sampling_steps();

}  // namespace llm
