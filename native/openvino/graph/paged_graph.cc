#include "openvino/graph/paged_graph.h"

#include <openvino/op/ops.hpp>
#include <openvino/pass/sdpa_to_paged_attention.hpp>
#include <optional>
#include <set>

#include "openvino/core.h"
#include "openvino/graph/long_rope.h"
#include "openvino/graph/mask_proof.h"

namespace llm {
namespace {

const std::set<std::string> kInputs = {"input_ids",          "position_ids",           "past_lens",
                                       "max_context_len",    "block_indices",          "block_indices_begins",
                                       "subsequence_begins", "sampled_tokens_indices", kRopeInput};

size_t count(const ov::Model& model, const std::string& type) {
  size_t found = 0;
  for (const auto& op : model.get_ops()) found += op->get_type_name() == type ? 1 : 0;
  return found;
}

bool has_cache(const ov::Model& model, const std::string& name, size_t layer) {
  const std::string wanted = name + std::to_string(layer);
  for (const auto& input : model.inputs()) {
    if (input.get_names().contains(wanted)) return true;
  }
  return false;
}

// The length of a step is one number for all of its sequences, so nothing but attention may compute with it. Marian
// does: its positions are a range that ends there, while each sequence has its own in position_ids, which the graph
// then does not read.
std::string wrong_positions(const ov::Model& model) {
  for (const auto& input : model.inputs()) {
    if (!input.get_names().contains("max_context_len")) continue;
    for (const auto& target : input.get_target_inputs()) {
      if (std::string(target.get_node()->get_type_name()) == "PagedAttentionExtension") continue;
      return "its positions would be those of the whole step, not of each sequence";
    }
  }
  return "";
}

}  // namespace

std::string page(const std::shared_ptr<ov::Model>& model, int64_t context, std::set<int64_t>& windows) {
  const size_t attentions = count(*model, "ScaledDotProductAttention");
  const size_t variables = model->get_variables().size();
  if (attentions == 0) return "its graph has no ScaledDotProductAttention";
  // A key and a value of each layer; other state (of convolutions, of linear attention) has no blocks.
  if (variables != 2 * attentions) {
    return "it keeps " + std::to_string(variables) + " states for " + std::to_string(attentions) +
           " attention layers, not a key and a value for each";
  }
  std::optional<AttentionMasks> masks;
  try {
    masks.emplace(*model);
    ov::pass::SDPAToPagedAttention().run_on_model(model);
    model->validate_nodes_and_infer_types();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    return "OpenVINO cannot convert its attention: " + plain_words(error);
  }
  const size_t paged = count(*model, "PagedAttentionExtension");
  if (paged != attentions) {
    return "OpenVINO converted " + std::to_string(paged) + " of its " + std::to_string(attentions) +
           " attention layers";
  }
  const size_t left = count(*model, "ReadValue") + model->get_sinks().size();
  if (left > 0) return "OpenVINO left " + std::to_string(left) + " uses of state in its graph";
  for (size_t layer = 0; layer < paged; ++layer) {
    if (!has_cache(*model, "key_cache.", layer) || !has_cache(*model, "value_cache.", layer)) {
      return "the converted graph has no KV cache for layer " + std::to_string(layer);
    }
  }
  size_t known = 2 * paged;
  for (const auto& input : model->inputs()) {
    const auto& names = input.get_names();
    const std::string name = names.empty() ? input.get_node()->get_friendly_name() : *names.begin();
    if (kInputs.contains(name)) {
      ++known;
    } else if (name.rfind("key_cache.", 0) != 0 && name.rfind("value_cache.", 0) != 0) {
      return "the converted graph wants an unknown input " + name;
    }
  }
  if (known != model->inputs().size()) return "the converted graph has more KV caches than attention layers";
  try {
    const std::string wrong = mask_difference(*masks, *model, context, windows);
    return wrong.empty() ? wrong_positions(*model) : wrong;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    return "its attention masks cannot be computed: " + plain_words(error);
  }
}

}  // namespace llm
