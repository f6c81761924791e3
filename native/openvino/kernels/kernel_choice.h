// Which products of a model the built-in kernels compute, and which OpenVINO's.
#pragma once
#include <openvino/openvino.hpp>

#include "engine/event.h"
#include "engine/types.h"
#include "kernels/kernel.h"
#include "openvino/kernels/builtin_kernels.h"

namespace llm {

// The best kernel of this processor, or the one that the option cpuKernel names. Throws Failure ERR_DEVICE.
const Kernel& wanted_kernel(const std::string& name);

struct KernelSetup {
  std::vector<KernelChoice> choices;
  BuiltinLayers builtin;
};

// Puts the built-in kernels where the configuration wants them: everywhere (`builtin`, or an instruction set's name),
// nowhere (`openvino`), or where they are known to be quicker or measured now to be (`auto`). Reports the stages
// `measure` and `pack`, and what was chosen. Throws Failure ERR_DEVICE for an instruction set that the processor
// lacks.
KernelSetup choose_kernels(ov::Model& model, const EngineConfig& config, const ov::AnyMap& properties,
                           const EventSink& post);

// How the configuration has built-in kernels multiply. Throws Failure ERR_DEVICE for an instruction set that the
// processor lacks.
KernelUse kernel_use(const EngineConfig& config);

// Whether choose_kernels() would choose the same now without measuring; notes the reason for that.
bool still_chosen(std::vector<KernelChoice>& choices, const EngineConfig& config);

}  // namespace llm
