// Puts the built-in matmul kernels into a graph, in the place of products with compressed weights.
#pragma once
#include <functional>
#include <map>
#include <openvino/openvino.hpp>
#include <string>

#include "engine/event.h"
#include "openvino/kernels/compressed_matmul.h"
#include "openvino/kernels/compressed_weights.h"

namespace llm {

// How often a scheme of weights occurs, and a layer of it that is worth measuring.
struct SchemeInfo {
  CompressedWeights example;
  size_t layers = 0;
};

// The schemes of a graph's compressed products; and for layers that no built-in kernel takes, why, with their number.
struct KernelInfo {
  std::map<std::string, SchemeInfo> schemes;
  std::map<std::string, size_t> obstacles;
  size_t packed_bytes = 0;  // of all schemes' layers, once packed
};

KernelInfo kernel_info(const ov::Model& model);

// Replaces the products of these schemes: weights are packed, by all threads, and the pages of the file that they came
// from are given back; reports the stage `pack`. Products with one input become one operation, and so does
// silu(gate) * up. With a path, packed weights are taken from that file, or packed and kept in it; when it cannot be
// written, a warning says so and they stay in memory. Throws std::bad_alloc.
PackedInfo use_builtin_kernels(ov::Model& model, const std::function<bool(const std::string& scheme)>& takes,
                               const KernelUse& use, const std::string& packed_path, const EventSink& post);

}  // namespace llm
