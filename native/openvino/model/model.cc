#include "openvino/model/model.h"

#include <algorithm>
#include <set>

#include "openvino/core.h"
#include "openvino/model/graph_info.h"
#include "openvino/model/ir_graph.h"

namespace llm {
namespace {

Failure unsupported(const std::string& path, const std::string& why) {
  return {ERR_UNSUPPORTED_MODEL, path + ": not a text decoder that this version runs: " + why};
}

std::string no_decoder(const std::string& inputs) {
  return "expected the inputs input_ids, attention_mask, position_ids and beam_idx, found " + inputs;
}

}  // namespace

DecoderModel read_decoder(const std::string& model_path) {
  DecoderModel decoder;
  require_acyclic_file(model_path);
  try {
    decoder.model = core().read_model(path_of(model_path));
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw Failure(ERR_MODEL_INVALID, model_path + ": OpenVINO cannot read it: " + plain_words(error));
  }
  const auto& model = *decoder.model;
  bool has_ids = false;
  std::set<std::string> unknown;
  std::string inputs;
  for (const auto& input : model.inputs()) {
    const std::string name = input.get_names().empty() ? input.get_node()->get_friendly_name() : input.get_any_name();
    const auto rank = input.get_partial_shape().rank();
    inputs += (inputs.empty() ? "" : ", ") + name;
    const bool matrix = rank.is_dynamic() || rank.get_length() == 2;
    if (name == "input_ids" && matrix) {
      has_ids = true;
    } else if (name == "attention_mask" && matrix) {
      decoder.has_attention_mask = true;
    } else if (name == "position_ids" && matrix) {
      decoder.has_position_ids = true;
    } else if (name == "beam_idx" && (rank.is_dynamic() || rank.get_length() == 1)) {
      decoder.has_beam_idx = true;
    } else {
      unknown.insert(name);
    }
  }
  if (!has_ids || !unknown.empty()) throw unsupported(model_path, no_decoder(inputs));
  const auto outputs = model.outputs();
  const auto logits =
      std::find_if(outputs.begin(), outputs.end(), [](auto& o) { return o.get_names().contains("logits"); });
  if (logits == outputs.end()) throw unsupported(model_path, "it has no output named logits");
  if (model.get_variables().empty()) {
    throw unsupported(model_path, "it keeps no KV cache inside (export it with --task text-generation-with-past)");
  }
  try {
    decoder.info = graph_info(model);
    decoder.mapped = MappedConstants(model);
  } catch (const Failure& failure) {
    throw Failure(failure.code(), model_path + ": " + failure.what());
  }
  const auto& shape = logits->get_partial_shape();
  const bool width_known = shape.rank().is_static() && shape.size() > 0 && shape[shape.size() - 1].is_static();
  if (decoder.info.vocabulary_size == 0 && width_known) {
    decoder.info.vocabulary_size = shape[shape.size() - 1].get_length();
  }
  if (decoder.info.vocabulary_size == 0)
    throw unsupported(model_path, "its vocabulary size cannot be found in the graph");
  return decoder;
}

}  // namespace llm
