// The words that every layer below the boundary shares. Plain data; no napi.h, no openvino/ in this folder.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace llm {

using Token = int32_t;
using SequenceId = int64_t;  // chosen by JavaScript, > 0, never used twice by one engine

// Mirrors EngineConfig in lib/engine/boundary.ts, where the fields are described.
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

enum class FinishReason { kStop, kLength, kCancelled };
inline constexpr std::array kFinishReasons{"stop", "length", "cancelled"};
constexpr const auto& names_of(FinishReason) { return kFinishReasons; }
constexpr const char* name_of(FinishReason reason) { return kFinishReasons.at(static_cast<size_t>(reason)); }

}  // namespace llm
