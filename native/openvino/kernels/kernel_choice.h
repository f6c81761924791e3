// Which products of a model the built-in kernels compute, and which OpenVINO's.
#pragma once
#include <functional>
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

#include "engine/event.h"
#include "engine/types.h"
#include "kernels/kernel.h"
#include "openvino/kernels/builtin_kernels.h"
#include "openvino/kernels/kernel_info.h"
#include "openvino/kernels/kernel_verdict.h"

namespace llm {

// The best kernel of this processor, or the one that the option cpuKernel names. Throws Failure ERR_DEVICE.
const Kernel& wanted_kernel(const std::string& name);

struct KernelSetup {
  std::vector<KernelChoice> choices;
  BuiltinLayers builtin;
};

using MeasureLayer = std::function<KernelVerdict(const CompressedWeights& layer)>;

// What multiplies with the weights of one scheme: `builtin` or `openvino`, with the reason. `measure` is called only
// where nothing else decides: with `auto`, for a model that packs some size, whose scheme is not known with this size
// of layers. `packed_bytes`: of the whole model.
KernelChoice choose_kernel(const std::string& scheme, const SchemeInfo& info, size_t packed_bytes,
                           const EngineConfig& config, const MeasureLayer& measure);

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
