#include "openvino/model/model.h"

#include <algorithm>
#include <openvino/op/ops.hpp>
#include <set>

#include "openvino/core.h"
#include "openvino/graph/long_rope.h"
#include "openvino/model/ir_graph.h"
#include "openvino/runtime.h"

namespace llm {
namespace {

using NodePtr = std::shared_ptr<ov::Node>;

Failure unsupported(const std::string& path, const std::string& why) {
  return {ERR_UNSUPPORTED_MODEL, path + ": not a text decoder that this version runs: " + why};
}

// Whether a value is computed from `root` through nothing but shape changes, conversions and additions of constants.
bool derives_from(ov::Output<ov::Node> value, const ov::Node* root) {
  for (;;) {
    const ov::Node* node = value.get_node();
    if (node == root) return true;
    if (ov::is_type<ov::op::v1::Add>(node) && ov::is_type<ov::op::v0::Constant>(node->get_input_node_ptr(0))) {
      value = node->input_value(1);
    } else if (ov::is_type<ov::op::v0::Convert>(node) || ov::is_type<ov::op::v1::Reshape>(node) ||
               ov::is_type<ov::op::v0::Squeeze>(node) || ov::is_type<ov::op::v0::Unsqueeze>(node) ||
               ov::is_type<ov::op::v1::Add>(node) || ov::is_type<ov::op::v1::ReduceMax>(node) ||
               ov::is_type<ov::op::v1::Transpose>(node)) {
      value = node->input_value(0);
    } else {
      return false;
    }
  }
}

const ov::Node* parameter(const ov::Model& model, const std::string& name) {
  for (const auto& input : model.inputs()) {
    if (input.get_names().contains(name)) return input.get_node();
  }
  return nullptr;
}

// Rows of the table that input_ids index.
int64_t embedding_rows(const ov::Model& model, const ov::Node* input_ids) {
  int64_t rows = 0;
  for (const auto& op : model.get_ops()) {
    if (!ov::is_type<ov::op::util::GatherBase>(op) || !derives_from(op->input_value(1), input_ids)) continue;
    const auto& shape = op->get_input_partial_shape(0);
    if (shape.rank().is_static() && shape.size() >= 2 && shape[0].is_static()) {
      rows = rows == 0 ? shape[0].get_length() : std::min(rows, shape[0].get_length());
    }
  }
  return rows;
}

// Where exporters and the weight compressor leave their marks. ov::Model reads these sections lazily, by path only.
const std::vector<std::vector<std::string>> kRtInfoPaths = {
    {"Runtime_version"},
    {"conversion_parameters", "framework"},
    {"optimum", "optimum_intel_version"},
    {"optimum", "optimum_version"},
    {"optimum", "pytorch_version"},
    {"optimum", "transformers_version"},
    {"optimum", "nncf_version"},
    {"nncf", "version"},
    {"nncf", "weight_compression", "mode"},
    {"nncf", "weight_compression", "group_size"},
    {"nncf", "weight_compression", "ratio"},
    {"nncf", "weight_compression", "backup_mode"},
    {"nncf", "weight_compression", "all_layers"},
    {"runtime_options", "ACTIVATIONS_SCALE_FACTOR"},
    {"runtime_options", "KV_CACHE_PRECISION"},
    {"runtime_options", "KEY_CACHE_PRECISION"},
    {"runtime_options", "VALUE_CACHE_PRECISION"},
    {"runtime_options", "DYNAMIC_QUANTIZATION_GROUP_SIZE"},
};

std::string joined(const std::vector<std::string>& path) {
  std::string name;
  for (const auto& part : path) name += (name.empty() ? "" : "/") + part;
  return name;
}

// The MatMul that makes the logits, found upwards from the output.
NodePtr logits_matmul(ov::Model& model) {
  NodePtr node = model.output("logits").get_node_shared_ptr();
  while (!ov::is_type<ov::op::v0::MatMul>(node)) {
    if (node->get_input_size() == 0)
      throw Failure(ERR_UNSUPPORTED_MODEL, "the graph's logits do not come from a MatMul");
    const bool constant_first = ov::is_type<ov::op::v0::Constant>(node->get_input_node_ptr(0));
    node = node->get_input_node_shared_ptr(constant_first && node->get_input_size() > 1 ? 1 : 0);
  }
  return node;
}

// Gathers above the logits that pick tokens by an index counted out with a Range.
std::vector<NodePtr> row_selections(const NodePtr& head) {
  std::vector<NodePtr> found;
  std::vector<NodePtr> open{head->get_input_node_shared_ptr(0)};
  std::set<const ov::Node*> seen;
  while (!open.empty()) {
    const NodePtr node = open.back();
    open.pop_back();
    if (!seen.insert(node.get()).second || ov::is_type<ov::op::v13::ScaledDotProductAttention>(node)) continue;
    if (ov::is_type<ov::op::util::GatherBase>(node)) {
      const ov::Node* index = node->get_input_node_ptr(1);
      while (!ov::is_type<ov::op::v4::Range>(index) && index->get_input_size() > 0)
        index = index->get_input_node_ptr(0);
      if (ov::is_type<ov::op::v4::Range>(index)) found.push_back(node);
      continue;
    }
    for (const auto& input : node->inputs()) open.push_back(input.get_source_output().get_node_shared_ptr());
  }
  return found;
}

std::string no_decoder(const std::string& inputs) {
  return "expected the inputs input_ids, attention_mask, position_ids and beam_idx, found " + inputs;
}

}  // namespace

GraphInfo graph_info(const ov::Model& model) {
  GraphInfo info;
  if (const auto* input_ids = parameter(model, "input_ids")) info.vocabulary_size = embedding_rows(model, input_ids);
  info.long_rope_border = long_rope_border_of(model);
  for (const auto& op : model.get_ops()) {
    if (const auto* constant = ov::as_type<ov::op::v0::Constant>(op.get())) {
      info.weights[constant->get_element_type().get_type_name()] += static_cast<double>(constant->get_byte_size());
    }
  }
  for (const auto& path : kRtInfoPaths) {
    if (model.has_rt_info(path)) info.rt_info[joined(path)] = model.get_rt_info<ov::Any>(path).as<std::string>();
  }
  return info;
}

DecoderModel read_decoder(const std::string& model_path) {
  DecoderModel decoder;
  require_acyclic(model_path);
  try {
    decoder.model = core().read_model(path_of(model_path));
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw Failure(ERR_MODEL_INVALID, model_path + ": OpenVINO cannot read it: " + plain_words(error));
  }
  const auto& model = *decoder.model;
  std::set<std::string> unknown;
  std::string inputs;
  for (const auto& input : model.inputs()) {
    const std::string name = input.get_names().empty() ? input.get_node()->get_friendly_name() : input.get_any_name();
    const auto rank = input.get_partial_shape().rank();
    inputs += (inputs.empty() ? "" : ", ") + name;
    const bool matrix = rank.is_dynamic() || rank.get_length() == 2;
    if (name == "input_ids" && matrix) {
      continue;
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
  if (!parameter(model, "input_ids") || !unknown.empty()) throw unsupported(model_path, no_decoder(inputs));
  const auto outputs = model.outputs();
  const auto logits =
      std::find_if(outputs.begin(), outputs.end(), [](auto& o) { return o.get_names().contains("logits"); });
  if (logits == outputs.end()) throw unsupported(model_path, "it has no output named logits");
  if (model.get_variables().empty()) {
    throw unsupported(model_path, "it keeps no KV cache inside (export it with --task text-generation-with-past)");
  }
  try {
    decoder.info = graph_info(model);
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

void gather_rows(ov::Model& model) {
  const auto rows = std::make_shared<ov::op::v0::Parameter>(ov::element::i64, ov::PartialShape{-1});
  rows->set_friendly_name("sampled_tokens_indices");
  rows->output(0).set_names({"sampled_tokens_indices"});
  const auto constant = [](const std::vector<int64_t>& values) {
    return ov::op::v0::Constant::create(ov::element::i64, {values.size()}, values);
  };
  const NodePtr head = logits_matmul(model);
  const auto selections = row_selections(head);
  if (!selections.empty()) {
    // From GGUF the graph picks the last row by itself, before the last layer's feed-forward: ours takes that one's
    // place.
    const auto column = std::make_shared<ov::op::v1::Reshape>(rows, constant({-1, 1}), false);
    for (const auto& gather : selections) gather->input(1).replace_source_output(column);
  } else {
    const auto hidden = head->input_value(0);  // [batch, tokens, hidden]
    const auto& shape = hidden.get_partial_shape();
    if (shape.rank().is_dynamic() || shape.size() != 3 || shape[2].is_dynamic()) {
      throw Failure(ERR_UNSUPPORTED_MODEL, "the hidden states before the logits are not [batch, tokens, width]");
    }
    const auto flat = std::make_shared<ov::op::v1::Reshape>(hidden, constant({1, -1, shape[2].get_length()}), false);
    head->input(0).replace_source_output(std::make_shared<ov::op::v8::Gather>(flat, rows, constant({1})));
  }
  model.add_parameters({rows});
  model.validate_nodes_and_infer_types();
}

}  // namespace llm
