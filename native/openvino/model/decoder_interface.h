// The inputs and outputs by which a graph is known for a text decoder.
#pragma once
#include <openvino/openvino.hpp>
#include <string>

namespace llm {

// Which of the inputs that a runner knows a decoder has. input_ids is one of every decoder's.
struct DecoderInputs {
  bool attention_mask = false;
  bool position_ids = false;
  bool beam_idx = false;
  bool cache_position = false;
};

// Throws Failure ERR_UNSUPPORTED_MODEL that names the inputs, outputs or states found and those expected, and what to
// do where that is known.
DecoderInputs decoder_inputs(const ov::Model& model);

}  // namespace llm
