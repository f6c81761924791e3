// Which products of a model the built-in kernels compute, and which OpenVINO's.
#pragma once
#include <openvino/openvino.hpp>

#include "engine/event.h"
#include "engine/types.h"

namespace llm {

struct KernelSetup {
  std::vector<KernelChoice> choices;
  PackedInfo packed;
};

// Puts the built-in kernels where the configuration wants them: everywhere (`builtin`, or an instruction set's name),
// nowhere (`openvino`), or where they are known to be quicker or measured now to be (`auto`). Reports the stages
// `measure` and `pack`, and what was chosen. Warns when a file of packed weights cannot be written. Throws Failure
// ERR_DEVICE for an instruction set that the processor lacks.
KernelSetup choose_kernels(ov::Model& model, const EngineConfig& config, const ov::AnyMap& properties,
                           const EventSink& post);

}  // namespace llm
