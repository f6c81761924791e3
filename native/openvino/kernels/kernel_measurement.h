// The built-in kernels against OpenVINO's, on one layer.
#pragma once
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

#include "openvino/kernels/compressed_matmul.h"
#include "openvino/kernels/compressed_weights.h"

namespace llm {

// Rows of activations that are measured: a stream, several at once, a prompt.
inline constexpr size_t kMeasuredRows[] = {1, 8, 128};

// How many times quicker the built-in kernel computes the layer on this device, for each of kMeasuredRows. Both sides
// run through the plugin, in turns; the medians count. Throws what OpenVINO throws.
std::vector<double> measure_kernels(const CompressedWeights& layer, const KernelUse& use, const std::string& device,
                                    const ov::AnyMap& properties);

// Whether to take the built-in kernel. One row counts as much as the other numbers of rows together. The built-in
// kernel may be up to 3 % slower, because it needs less memory and no repacking.
bool builtin_kernel_wins(const std::vector<double>& ratios);

}  // namespace llm
