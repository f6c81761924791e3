// Finds which products of a graph one operation with built-in kernels can compute.
#pragma once
#include <map>
#include <openvino/op/matmul.hpp>
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

#include "openvino/kernels/compressed_weights.h"

namespace llm {

// A product that is to be replaced.
struct Layer {
  std::shared_ptr<ov::op::v0::MatMul> matmul;
  CompressedWeights weights;
};

using Layers = std::map<const ov::Node*, Layer>;

// An operation to be, and the values that its outputs replace.
struct LayerGroup {
  // The product whose input the operation takes. Ask it for that input as late as possible: when the groups before it
  // are replaced, the input may become another node. (An input that was remembered from before led to a node that was
  // no longer in the graph; both layers stayed, and their weights were in memory twice.)
  std::shared_ptr<ov::op::v0::MatMul> first;
  std::vector<WeightSource> sources;
  std::vector<ov::Output<ov::Node>> replaced;
  std::string name;
  bool gated = false;  // sources are gate and up; the one result is silu(gate) * up
};

// Whether `value` is the silu of `inner`, Swish(v) or v * Sigmoid(v), and nothing else takes what is in between.
bool find_silu(const ov::Output<ov::Node>& value, ov::Output<ov::Node>& inner);

// Halves whose sizes a graph computes, although they are known, get them as constants: Phi-3's exports ask the first
// layer's product for its shape, which would have to stay for that alone.
void settle_splits(ov::Model& model);

// Layers with one input become a group, at most kMostProducts of them. silu(gate) * up is a group of its own, also
// where both are halves of one layer. `ordered` are the graph's nodes in topological order.
std::vector<LayerGroup> group_layers(const ov::NodeVector& ordered, const Layers& layers);

}  // namespace llm
