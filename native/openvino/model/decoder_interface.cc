#include "openvino/model/decoder_interface.h"

#include <algorithm>
#include <vector>

#include "engine/failure.h"
#include "openvino/graph/cache_position.h"

namespace llm {
namespace {

// An input that the runners set.
struct KnownInput {
  const char* name;
  ov::element::Type type;
  int64_t rank;
  bool DecoderInputs::* flag;  // null for the one that every decoder has
};

const std::vector<KnownInput>& known_inputs() {
  static const std::vector<KnownInput> inputs = {
      {"input_ids", ov::element::i64, 2, nullptr},
      {"attention_mask", ov::element::i64, 2, &DecoderInputs::attention_mask},
      {"position_ids", ov::element::i64, 2, &DecoderInputs::position_ids},
      {"beam_idx", ov::element::i32, 1, &DecoderInputs::beam_idx},
      {kCachePosition, ov::element::i64, 1, &DecoderInputs::cache_position},
  };
  return inputs;
}

// What an input or output tells by the beginning of its name.
struct Sign {
  const char* beginning;
  const char* words;
};

constexpr const char* kExportWithState = "export it with --task text-generation-with-past, without --disable-stateful";

const std::vector<Sign> kSigns = {
    {"past_key_values", "its KV cache is not inside the graph: "},
    {"inputs_embeds",
     "it takes embeddings for tokens, as the language model of an export for images and text does: "
     "export it with --task text-generation-with-past"},
    {"encoder_hidden_states", "it is the decoder of an encoder-decoder model, which this version does not run"},
    {"decoder_input_ids", "it is an encoder-decoder model, which this version does not run"},
    {"pixel_values", "it takes images, which this version does not"},
    {"token_type_ids", "it is an encoder, or tells the parts of a text apart, which this version does not"},
};

std::string name_of_output(const ov::Output<const ov::Node>& value) {
  const auto& names = value.get_names();
  return names.empty() ? value.get_node()->get_friendly_name() : *names.begin();
}

std::string described(const ov::Output<const ov::Node>& value) {
  return name_of_output(value) + " " + value.get_element_type().get_type_name() + " " +
         value.get_partial_shape().to_string();
}

std::string expected_inputs() {
  std::string words;
  for (const auto& input : known_inputs()) {
    words += (words.empty() ? "" : ", ") + std::string(input.name) + " " + input.type.get_type_name() +
             (input.rank == 1 ? " [?]" : " [?,?]");
  }
  return words;
}

// All of them, in order; a graph without a cache inside has hundreds.
std::string list(const std::vector<std::string>& names) {
  constexpr size_t kMost = 12;
  std::string words;
  for (size_t i = 0; i < std::min(names.size(), kMost); ++i) words += (i == 0 ? "" : ", ") + names[i];
  return names.size() > kMost ? words + " and " + std::to_string(names.size() - kMost) + " more" : words;
}

std::string hint(const std::vector<std::string>& names) {
  for (const auto& sign : kSigns) {
    const auto begins = [&](const std::string& name) { return name.rfind(sign.beginning, 0) == 0; };
    if (!std::any_of(names.begin(), names.end(), begins)) continue;
    const std::string words = sign.words;
    return "; " + words + (words.back() == ' ' ? kExportWithState : "");
  }
  return "";
}

Failure unsupported(const std::string& why) { return {ERR_UNSUPPORTED_MODEL, why}; }

}  // namespace

DecoderInputs decoder_inputs(const ov::Model& model) {
  DecoderInputs has;
  bool has_ids = false, known = true;
  std::vector<std::string> inputs, names;
  for (const auto& input : model.inputs()) {
    inputs.push_back(described(input));
    names.push_back(name_of_output(input));
    const auto rank = input.get_partial_shape().rank();
    const auto same = [&](const KnownInput& candidate) {
      return input.get_names().contains(candidate.name) && input.get_element_type() == candidate.type &&
             (rank.is_dynamic() || rank.get_length() == candidate.rank);
    };
    const auto found = std::find_if(known_inputs().begin(), known_inputs().end(), same);
    if (found == known_inputs().end()) {
      known = false;
    } else if (found->flag == nullptr) {
      has_ids = true;
    } else {
      has.*(found->flag) = true;
    }
  }
  if (!has_ids || !known) {
    throw unsupported("expected the inputs " + expected_inputs() + ", found " + list(inputs) + hint(names));
  }
  std::vector<std::string> outputs;
  std::vector<bool> logits;  // of each output with that name, whether it has the right form
  for (const auto& output : model.outputs()) {
    outputs.push_back(described(output));
    const auto rank = output.get_partial_shape().rank();
    const bool form = rank.is_dynamic() || rank.get_length() == 2 || rank.get_length() == 3;
    if (output.get_names().contains("logits")) logits.push_back(form && output.get_element_type() == ov::element::f32);
  }
  if (logits != std::vector<bool>{true}) {
    throw unsupported("expected one output logits f32 [?,?,vocabulary], found " + list(outputs) + hint(outputs));
  }
  if (model.get_variables().empty()) {
    throw unsupported("expected states, a key and a value of each layer, found none: " + std::string(kExportWithState));
  }
  return has;
}

}  // namespace llm
