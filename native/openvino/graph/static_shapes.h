// Models that a plugin compiles for a longest prompt and a longest answer (NPU): what it must be told and what it took.
#pragma once
#include <openvino/openvino.hpp>
#include <string>

#include "engine/event.h"
#include "engine/types.h"

namespace llm {

// `given` with what the plugin needs to know of the model and of config.max_prompt and config.min_response; what is
// given already stays. Throws Failure ERR_UNSUPPORTED_MODEL when the graph's state does not tell its axes.
ov::AnyMap with_static_shapes(const ov::Model& model, const EngineConfig& config, ov::AnyMap given);

// Notes in `info` the lengths that the model was compiled for. Throws Failure ERR_ENGINE when the plugin does not tell:
// beyond them it computes nonsense without an error.
void note_static_shapes(const ov::CompiledModel& compiled, RunnerInfo& info);

// What to do when the plugin refused the model: ' (…)' with the command that exports one it takes, or '' when the
// weights are no reason.
std::string export_advice(const ov::Model& model);

}  // namespace llm
