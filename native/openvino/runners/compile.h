// From a file to a compiled model, for both runners.
#pragma once
#include <functional>
#include <openvino/openvino.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/event.h"
#include "kernels/packed_file.h"
#include "openvino/kept/graph_parts.h"
#include "openvino/kernels/builtin_kernels.h"
#include "openvino/model/model.h"

namespace llm {

// Reads the model and lets `change` rewrite its graph; reports the stage `read` and notes what it learned and the time
// in `info`.
DecoderModel read_model(const EngineConfig& config, const EventSink& post, RunnerInfo& info,
                        const std::function<void(DecoderModel&)>& change);

struct Compiled {
  ov::CompiledModel model;
  // Nothing where the graph cannot be compiled from what is exported of it.
  std::optional<GraphParts> parts;
  BuiltinLayers builtin;
};

// Properties to compile with: the built-in kernels take and give f32.
ov::AnyMap with_kernels(ov::AnyMap properties, const std::vector<KernelChoice>& kernels);

// Notes what OpenVINO says of a compiled model.
void note_compiled(const ov::CompiledModel& compiled, const EngineConfig& config, RunnerInfo& info);

// Puts in the built-in kernels, compiles the graph and releases it; reports the stages of choose_kernels() and
// `compile`, and notes kernels, properties, devices and times in `info`. Throws Failure ERR_ENGINE, and ERR_PROPERTY
// when OpenVINO's message names a property that was asked for; the caller puts the model's path before the message.
Compiled compile(DecoderModel& decoder, const EngineConfig& config, const ov::AnyMap& properties, const EventSink& post,
                 RunnerInfo& info);

}  // namespace llm
