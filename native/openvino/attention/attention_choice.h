// Which attentions of a paged graph the built-in operation computes, and which OpenVINO's.
#pragma once
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

#include "engine/event.h"
#include "engine/types.h"
#include "kernels/attention/kernel.h"

namespace llm {

struct AttentionSetup {
  std::vector<AttentionChoice> choices;  // empty where the graph has no paged attention
  std::string kv_precision;              // of the caches; "" when those of the compiled model tell
};

// The one that goes with wanted_kernel(). Throws Failure ERR_DEVICE.
const AttentionKernel& wanted_attention(const std::string& cpu_kernel);

// Puts the built-in attention where the configuration wants it (EngineConfig::cpu_attention) and can have it: with a
// KV cache in u8, u4, f16 or f32, and computing in f32. `auto` takes it wherever there is one for this processor: with
// u8 and u4 tokens and prompts are quicker, with f16 and f32 tokens are, and prompts take as long. Nothing is measured
// here. `properties` are those that the graph will be compiled with.
AttentionSetup choose_attention(ov::Model& model, const EngineConfig& config, const ov::AnyMap& properties);

}  // namespace llm
