// Reading an IR, and whether and how its graph can be run as a text decoder.
#pragma once
#include <memory>
#include <openvino/openvino.hpp>
#include <string>

#include "engine/event.h"
#include "openvino/graph/state_axes.h"
#include "openvino/model/decoder_interface.h"
#include "openvino/model/mapped_constants.h"

namespace llm {

struct DecoderModel {
  std::shared_ptr<ov::Model> model;
  GraphInfo info;
  MappedConstants mapped;  // the weights, as long as nothing was rewritten
  DecoderInputs inputs;
  StateAxes axes;
  std::string padding_obstacle;   // see padding_proof.h
  bool gathers_rows = false;      // sampled_tokens_indices was added (graph/gather_rows.h)
  bool has_fixed_states = false;  // states without an axis of tokens: of convolutions, of recurrences
  size_t prompt_positions = 0;    // see cache_position.h; 0 = no such input
};

// `model_path` is the openvino_model.xml, UTF-8. Throws Failure ERR_MODEL_INVALID (damaged files) or
// ERR_UNSUPPORTED_MODEL (no stateful text decoder), naming the file.
DecoderModel read_decoder(const std::string& model_path);

}  // namespace llm
