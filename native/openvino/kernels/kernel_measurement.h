// The built-in kernels against OpenVINO's, on one layer.
#pragma once
#include <openvino/openvino.hpp>
#include <string>

#include "openvino/kernels/compressed_matmul.h"
#include "openvino/kernels/compressed_weights.h"
#include "openvino/kernels/kernel_verdict.h"

namespace llm {

// Rows of activations that are measured: a stream, several at once, a prompt.
inline constexpr size_t kMeasuredRows[] = {1, 8, 128};

// Which kernel computes the layer more quickly on this device. Both sides run through the plugin, in turns, at most
// kMostSeconds for each of kMeasuredRows. Throws what OpenVINO throws.
KernelVerdict measure_kernels(const CompressedWeights& layer, const KernelUse& use, const std::string& device,
                              const ov::AnyMap& properties);

}  // namespace llm
