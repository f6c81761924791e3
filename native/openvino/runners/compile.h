// From a graph to a compiled model: what both runners' opening has in common.
#pragma once
#include <functional>
#include <openvino/openvino.hpp>
#include <string>

#include "engine/event.h"
#include "openvino/model/model.h"

namespace llm {

// The properties of the configuration, each of them known to its device. Throws Failure ERR_DEVICE when the device is
// not there and ERR_PROPERTY, naming the property.
ov::AnyMap checked_properties(const EngineConfig& config);

// Reads the model and lets `change` rewrite its graph; reports the stage `read` and notes what it learned and the time
// in `info`.
DecoderModel read_model(const EngineConfig& config, const EventSink& post, RunnerInfo& info,
                        const std::function<void(DecoderModel&)>& change);

// Compiles the graph and releases it; reports the stage `compile` and notes properties, devices and time in `info`.
// Throws Failure ERR_ENGINE, whose words the caller puts behind the model's path.
ov::CompiledModel compile(DecoderModel& decoder, const EngineConfig& config, const ov::AnyMap& properties,
                          const EventSink& post, RunnerInfo& info);

}  // namespace llm
