// What is measured of a scheme of weights: a layer of a size at which a real model spends its time.
#pragma once
#include <cstddef>
#include <string>

#include "openvino/kernels/compressed_weights.h"

namespace llm {

// Weights of a layer. One with fewer fits into a core's cache and takes microseconds, most of which are spent on
// calling it; one with more, as a head, would take seconds.
inline constexpr size_t kFewestMeasured = 2U << 20;
inline constexpr size_t kMostMeasured = 16U << 20;
// From here on layers are `large`: those of models with some billion weights. Others are `small`.
inline constexpr size_t kLargeLayer = 8U << 20;

// Of two layers of one scheme, whether the first says more of the model: the larger one, but none beyond kMostMeasured
// where there is another.
bool is_better_example(const CompressedWeights& layer, const CompressedWeights& than);

// `small` or `large`, of a model with this example. A verdict holds for one size.
std::string layer_size(const CompressedWeights& example);

// The example, or in the place of one that is too small or too large, random weights of the same scheme with
// kFewestMeasured or kLargeLayer weights.
CompressedWeights measured_layer(const CompressedWeights& example);

}  // namespace llm
