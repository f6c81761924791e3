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

// Mirrors DeviceFeatures in lib/engine/boundary.ts, where the fields are described.
struct DeviceFeatures {
  std::string name;
  bool must_be_present = false;
  std::vector<std::string> property_sources;
  std::string unchecked_prefix;
  bool nested_properties = false;
  bool builtin_kernels = false;
  std::string kv_memory;
  int32_t kv_block_tokens = 0;
  bool kv_transposed_keys = false;
};

// Mirrors EngineConfig in lib/engine/boundary.ts, where the fields are described.
struct EngineConfig {
  std::string runner;
  std::string model_path;
  DeviceFeatures device;
  std::vector<std::string> properties;
  std::vector<std::string> precision_fallback;
  bool gather_rows = false;
  std::string rope_regime = "auto";
  int32_t context_length = 1;
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
  std::string cpu_attention;
  int32_t activation_span = 0;
  std::vector<std::string> kernel_choices;
  std::string packed_path;
  std::string graph_path;
  std::vector<int32_t> warmup;
  std::vector<int32_t> script;
  std::vector<int32_t> script_numbers;
};

enum class FinishReason { kStop, kLength, kCancelled, kGrammar };
inline constexpr std::array kFinishReasons{"stop", "length", "cancelled", "grammar"};
constexpr const auto& names_of(FinishReason) { return kFinishReasons; }
constexpr const char* name_of(FinishReason reason) { return kFinishReasons.at(static_cast<size_t>(reason)); }

}  // namespace llm
