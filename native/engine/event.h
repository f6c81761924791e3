// Everything that an engine or a job reports; mirrors EngineEvent and JobEvent in lib/native/addon.ts.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "types.h"

namespace llm {

// What can be learned from a model without compiling it.
struct ModelFacts {
  int64_t vocabulary_size = 0;            // rows of the embedding table
  int64_t long_rope_threshold = 0;        // original_max_position_embeddings found in the graph, 0 = none
  std::map<std::string, double> weights;  // bytes of constants by element type
  std::map<std::string, std::string> rt_info;
};

struct RunnerInfo {
  ModelFacts model;
  std::string runner;
  std::string reason;
  std::vector<std::string> devices;
  std::map<std::string, std::string> properties;
  size_t max_sequences = 1;
  double read_ms = 0;
  double compile_ms = 0;
};

struct DeviceFacts {
  std::string name;
  std::string full_name;
  std::map<std::string, std::string> properties;
  std::string error;
};

// Milliseconds on the engine's thread; see NativeTimings in lib/native/addon.ts.
struct Timings {
  double queued = 0;
  double prefill = 0;
  double decode = 0;
  int64_t cached_tokens = 0;
};

struct Progress {
  std::string stage;
  int64_t done = 0;
  int64_t total = 0;
};
struct Warning {
  std::string code;
  std::string message;
};
struct Ready {
  RunnerInfo info;
  double warmup_ms = 0;
};
struct Tokens {
  SequenceId id = 0;
  std::vector<Token> tokens;
};
struct Finished {
  SequenceId id = 0;
  FinishReason reason = FinishReason::kStop;
  Timings timings;
};
struct Failed {
  SequenceId id = 0;  // 0 is the engine or the job itself
  std::string code;
  std::string message;
};
struct Done {
  std::variant<ModelFacts, std::vector<DeviceFacts>> result;
};
struct Closed {};

using Event = std::variant<Progress, Warning, Ready, Tokens, Finished, Failed, Done, Closed>;

// Takes events on any thread; never blocks and never throws.
using EventSink = std::function<void(Event)>;

}  // namespace llm
