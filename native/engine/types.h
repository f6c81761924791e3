// The words that every layer below the boundary shares. Plain data; no napi.h, no openvino/ in this folder.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace llm {

using Token = int32_t;
using SequenceId = int64_t;  // chosen by JavaScript, > 0, never used twice by one engine

// Mirrors EngineConfig in lib/native/addon.ts, where the fields are described.
struct EngineConfig {
  std::string runner;
  std::string model_path;
  std::string device;
  std::vector<std::string> properties;
  std::vector<std::string> precision_fallback;
  bool gather_rows = false;
  std::string rope_regime = "auto";
  int32_t prefill_chunk = 0;
  int32_t stateful_chunk = 0;
  int32_t max_sequences = 1;
  double kv_tokens = 0;
  double kv_bytes = 0;
  int32_t max_prompt = 0;
  int32_t min_response = 0;
  std::string draft_model_path;
  int32_t draft_tokens = 0;
  std::string cpu_kernel;
  int32_t activation_span = 0;
  std::vector<std::string> kernel_choices;
  std::string packed_path;
  std::vector<int32_t> warmup;
  std::vector<int32_t> script;
  std::vector<int32_t> script_numbers;
};

// Mirrors RequestParams in lib/native/addon.ts.
struct RequestParams {
  int32_t max_new_tokens = 0;
  std::vector<Token> stop_token_ids;
  double temperature = 0;
  int32_t top_k = 0;
  double top_p = 1;
  uint32_t seed = 0;
  double priority = 0;
  int32_t lookup_ngram = 0;
  int32_t lookup_tokens = 0;
};

struct Request {
  std::vector<SequenceId> ids;  // one per answer; answer i draws with seed + i
  std::vector<Token> prompt;
  RequestParams params;
};

enum class FinishReason { kStop, kLength, kCancelled };

}  // namespace llm
