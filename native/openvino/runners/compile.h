// From a file to a compiled model, for both runners.
#pragma once
#include <functional>
#include <openvino/openvino.hpp>
#include <string>

#include "engine/event.h"
#include "openvino/model/model.h"

namespace llm {

// Reads the model and lets `change` rewrite its graph; reports the stage `read` and notes what it learned and the time
// in `info`.
DecoderModel read_model(const EngineConfig& config, const EventSink& post, RunnerInfo& info,
                        const std::function<void(DecoderModel&)>& change);

// Puts in the built-in kernels, compiles the graph and releases it; reports the stages of choose_kernels() and
// `compile`, and notes kernels, properties, devices and times in `info`. Throws Failure ERR_ENGINE, and ERR_PROPERTY
// when OpenVINO's message names a property that was asked for; the caller puts the model's path before the message.
ov::CompiledModel compile(DecoderModel& decoder, const EngineConfig& config, const ov::AnyMap& properties,
                          const EventSink& post, RunnerInfo& info);

}  // namespace llm
