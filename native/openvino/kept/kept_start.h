// What one start leaves for the next one of the same model with the same configuration on the same machine: the graph
// as OpenVINO compiled it, and what reading the model told.
#pragma once
#include <memory>
#include <openvino/openvino.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kernels/packed_file.h"
#include "openvino/kept/graph_file.h"
#include "openvino/kept/graph_parts.h"
#include "openvino/model/model.h"

namespace llm {

struct KeptStart {
  std::string identity;  // what it is of, see identity_of()
  RunnerInfo info;       // what is known before there is a runner
  DecoderModel decoder;  // without the model and its mapped constants
  GraphParts parts;
  PackedIdentity packed;          // of the file with the weights of `parts`; no bytes when there are none
  std::vector<Warning> warnings;  // of the start that was kept: the next one gives them too
  std::vector<float> logits;      // of the first step, see runners/first_step.h
};

// Everything that a compiled graph depends on: the name of its file, which stands for the model's own files and this
// version; OpenVINO's version, processor, device with its properties, and the configuration.
std::string identity_of(const EngineConfig& config, const ov::AnyMap& properties);

// Nothing where `file` holds something else.
std::optional<KeptStart> read_kept_start(const GraphFile& file, const std::string& identity);
std::string text_of(KeptStart& start);

}  // namespace llm
