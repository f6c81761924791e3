#include "openvino/model/model.h"

#include <algorithm>
#include <iterator>
#include <openvino/op/util/read_value_base.hpp>

#include "openvino/core.h"
#include "openvino/graph/cache_position.h"
#include "openvino/model/graph_info.h"
#include "openvino/model/ir_graph.h"

namespace llm {
namespace {

Failure unsupported(const std::string& path, const std::string& why) {
  return {ERR_UNSUPPORTED_MODEL, path + ": not a text decoder that this version runs: " + why};
}

// Whether a state has no dynamic dimension behind its first one, which is the batch.
bool has_fixed_states(const ov::Model& model) {
  const auto ops = model.get_ops();
  return std::any_of(ops.begin(), ops.end(), [](const auto& op) {
    if (!ov::is_type<ov::op::util::ReadValueBase>(op)) return false;
    const auto& shape = op->get_output_partial_shape(0);
    const auto is_dynamic = [](const ov::Dimension& size) { return size.is_dynamic(); };
    return shape.rank().is_dynamic() || shape.size() == 0 ||
           std::none_of(std::next(shape.begin()), shape.end(), is_dynamic);
  });
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
  try {
    decoder.inputs = decoder_inputs(model);
  } catch (const Failure& failure) {
    throw unsupported(model_path, failure.what());
  }
  try {
    decoder.info = graph_info(model);
    decoder.axes = state_axes(model);
    decoder.has_fixed_states = has_fixed_states(model);
    if (decoder.inputs.cache_position) decoder.prompt_positions = prompt_positions_of(model);
    decoder.mapped = MappedConstants(model);
  } catch (const Failure& failure) {
    throw Failure(failure.code(), model_path + ": " + failure.what());
  }
  const auto& shape = model.output("logits").get_partial_shape();
  const bool width_known = shape.rank().is_static() && shape.size() > 0 && shape[shape.size() - 1].is_static();
  if (decoder.info.vocabulary_size == 0 && width_known) {
    decoder.info.vocabulary_size = shape[shape.size() - 1].get_length();
  }
  if (decoder.info.vocabulary_size == 0)
    throw unsupported(model_path, "its vocabulary size cannot be found in the graph");
  return decoder;
}

}  // namespace llm
