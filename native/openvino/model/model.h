// Reading an IR and finding out from its graph whether and how it can be run as a text decoder.
#pragma once
#include <memory>
#include <openvino/openvino.hpp>
#include <string>

#include "engine/event.h"

namespace llm {

struct DecoderModel {
  std::shared_ptr<ov::Model> model;
  GraphInfo info;
  bool has_attention_mask = false;
  bool has_position_ids = false;
  bool has_beam_idx = false;
};

// Throws Failure ERR_MODEL_INVALID (damaged files) or ERR_UNSUPPORTED_MODEL (no stateful text decoder), naming the
// file.
DecoderModel read_decoder(const std::string& model_path);

// What a graph that is in memory tells of itself.
GraphInfo graph_info(const ov::Model& model);

// Lets the graph compute logits only for wanted tokens: the last MatMul's input is gathered by a new input
// `sampled_tokens_indices` i64 [rows], which indexes the flattened tokens of the step. The logits become [1, rows,
// vocabulary]. Throws Failure ERR_UNSUPPORTED_MODEL when the graph does not end in a MatMul.
void gather_rows(ov::Model& model);

}  // namespace llm
