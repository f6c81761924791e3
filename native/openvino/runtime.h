// What the rest of the addon may ask of OpenVINO. No type of OpenVINO appears here: only this folder includes
// <openvino/...>.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "../engine/event.h"
#include "../engine/runner.h"

namespace llm {

std::string openvino_version();

// Reads, checks and compiles an OVModelForCausalLM IR; reports the stages `read` and `compile`. Throws Failure.
std::unique_ptr<Runner> open_stateful_runner(const EngineConfig& config, const EventSink& post);

// Reads a model without compiling it. Throws Failure.
ModelFacts inspect_model(const std::string& model_path);

// Writes openvino_model.xml and openvino_model.bin into the existing folder `target`; reports the stages `read`,
// `convert` and `write`. Throws Failure, and Interrupted between the stages once `cancelled` is set.
ModelFacts convert_gguf(const std::string& source, const std::string& target, const std::atomic<bool>& cancelled,
                        const EventSink& post);

// Loads the plugins' drivers, which may take a second.
std::vector<DeviceFacts> list_devices();

}  // namespace llm
