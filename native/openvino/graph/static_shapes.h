// Models that a plugin compiles for a longest prompt and a longest answer, as the NPU's does: what it must be told, and
// what it took.
//
// Hazards of the NPU's plugin (OpenVINO 2026.4.1):
// - Beyond the lengths that it was compiled for, it computes nonsense without an error.
// - It takes a prompt of one token for the next token of the conversation before. reset_state() does not help; a new
//   request does (stateful_runner.cc).
// - It refuses a second Parameter, so no rows can be gathered inside the graph.
// - A model that the CPU computes in its stead, read back from CACHE_DIR, computes in another precision than it was
//   compiled for.
#pragma once
#include <openvino/openvino.hpp>
#include <string>

#include "engine/event.h"
#include "engine/types.h"

namespace llm {

// Adds to `given` what the plugin must know of the model, config.max_prompt and config.min_response, unless `given` has
// it. Throws Failure ERR_UNSUPPORTED_MODEL when the graph's state does not tell which axes are batch and tokens.
ov::AnyMap with_static_shapes(const ov::Model& model, const EngineConfig& config, ov::AnyMap given);

// Notes in `info` the lengths that the model was compiled for. Throws Failure ERR_ENGINE when the plugin does not tell
// them.
void note_static_shapes(const ov::CompiledModel& compiled, RunnerInfo& info);

// Advice for a model that the plugin refused: ' (…)' with the command that exports one it takes, or '' when the weights
// are not the reason.
std::string export_advice(const ov::Model& model);

}  // namespace llm
