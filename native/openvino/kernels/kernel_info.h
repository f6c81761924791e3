// What a graph has for the built-in kernels, without changing it.
#pragma once
#include <map>
#include <openvino/openvino.hpp>
#include <string>

#include "openvino/kernels/compressed_weights.h"

namespace llm {

// How many layers have a scheme of weights, and one of them that is worth measuring.
struct SchemeInfo {
  CompressedWeights example;  // not of experts
  size_t layers = 0;
};

// The schemes of a graph's compressed products. `obstacles` says why layers have no built-in kernel, and how many.
struct KernelInfo {
  std::map<std::string, SchemeInfo> schemes;
  std::map<std::string, size_t> obstacles;
  size_t packed_bytes = 0;  // of all schemes' layers, and of embeddings that are no layer's weights, once packed
};

KernelInfo kernel_info(const ov::Model& model);

}  // namespace llm
