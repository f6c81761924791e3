// What a graph needs beside its export to become a compiled model again.
#pragma once
#include <map>
#include <memory>
#include <openvino/openvino.hpp>
#include <optional>
#include <string>
#include <vector>

#include "openvino/attention/block_attention.h"
#include "openvino/kernels/builtin_kernels.h"

namespace llm {

// The measures of packed weights.
struct KeptWeights {
  size_t rows = 0;
  size_t columns = 0;
  size_t group = 0;
  int bits = 0;
};

// An operation with built-in kernels.
struct KeptLayer {
  std::string id;
  bool gated = false;
  size_t experts = 0;
  std::vector<KeptWeights> parts;
};

// A StepProgram; its products name their layers.
struct KeptProgram {
  std::string id;
  size_t inputs = 0;
  std::vector<size_t> widths;
  std::vector<StepResult> results;
  std::vector<Step> steps;
};

struct GraphParts {
  std::vector<KeptLayer> layers;  // in the order in which their weights lie
  std::vector<KeptProgram> programs;
  std::vector<SharedAttention> blocks;  // of each built-in attention; whoever imports them says which kernel
  // OpenVINO 2026.4.1 exports paged attention without its runtime information (numbers and sizes of heads), and does
  // not import it so: the information of each, by the name of its key cache.
  std::map<std::string, std::map<std::string, size_t>> attention;
  // A graph of one such operation alone, as XML; "" without any.
  std::string attention_graph;
};

// Of a graph that is about to be compiled. None where it has operations of this addon that cannot be made again.
std::optional<GraphParts> graph_parts(const ov::Model& model, const BuiltinLayers& builtin);

// Compiles what was exported. `layers` are those of `parts`, their weights placed. Throws what OpenVINO throws.
ov::CompiledModel import_graph(std::string_view exported, const GraphParts& parts, const SharedLayers& layers,
                               const std::string& device, const ov::AnyMap& properties);

}  // namespace llm
