#include "openvino/graph/static_shapes.h"

#include <algorithm>
#include <openvino/op/constant.hpp>
#include <openvino/op/util/variable.hpp>

#include "openvino/core.h"

namespace llm {
namespace {

constexpr const char* kMaxPrompt = "NPUW_LLM_MAX_PROMPT_LEN";
constexpr const char* kMinResponse = "NPUW_LLM_MIN_RESPONSE_LEN";
constexpr const char* kPrefixCaching = "NPUW_LLM_ENABLE_PREFIX_CACHING";

struct Axes {
  size_t batch;
  size_t tokens;
};

// Of the KV cache: both are dynamic, and the batch is before the tokens.
Axes cache_axes(const ov::Model& model) {
  std::string found = "none";
  for (const auto& variable : model.get_variables()) {
    const auto& shape = variable->get_info().data_shape;
    found = shape.to_string();
    if (shape.rank().is_dynamic()) break;
    std::vector<size_t> dynamic;
    for (size_t i = 0; i < shape.size(); ++i) {
      if (shape[i].is_dynamic()) dynamic.push_back(i);
    }
    if (dynamic.size() == 2) return {dynamic[0], dynamic[1]};
    break;
  }
  throw Failure(ERR_UNSUPPORTED_MODEL,
                "expected a KV cache whose batch and tokens are its two dynamic axes, as optimum-intel exports it, "
                "found " +
                    found);
}

size_t length_of(const ov::CompiledModel& compiled, const char* name) try {
  return compiled.get_property(name).as<size_t>();
} catch (const std::exception& error) {
  throw Failure(ERR_ENGINE, std::string("the plugin does not tell ") + name + ": " + plain_words(error));
}

}  // namespace

ov::AnyMap with_static_shapes(const ov::Model& model, const EngineConfig& config, ov::AnyMap given) {
  const Axes axes = cache_axes(model);
  given.insert({{"NPU_USE_NPUW", "YES"},
                {"NPUW_LLM", "YES"},
                {"NPUW_LLM_BATCH_DIM", std::to_string(axes.batch)},
                {"NPUW_LLM_SEQ_LEN_DIM", std::to_string(axes.tokens)},
                {kMaxPrompt, std::to_string(config.max_prompt)},
                {kMinResponse, std::to_string(config.min_response)}});
  const auto known = core().get_property(config.device.name, ov::supported_properties);
  if (std::find(known.begin(), known.end(), kPrefixCaching) != known.end()) given.insert({kPrefixCaching, "YES"});
  return given;
}

void note_static_shapes(const ov::CompiledModel& compiled, RunnerInfo& info) {
  info.max_prompt = length_of(compiled, kMaxPrompt);
  info.kv_tokens = info.max_prompt + length_of(compiled, kMinResponse);
}

std::string export_advice(const ov::Model& model) {
  for (const auto& op : model.get_ops()) {
    const auto* constant = ov::as_type<ov::op::v0::Constant>(op.get());
    if (!constant) continue;
    const auto& type = constant->get_element_type();
    const auto& shape = constant->get_shape();
    const bool four_bits = type == ov::element::u4 || type == ov::element::i4;
    // Zero points are one for each group.
    if (!four_bits || shape.empty() || shape.back() == 1 || (type == ov::element::i4 && shape.size() == 2)) continue;
    return std::string(" (its weights are ") + (type == ov::element::i4 ? "symmetric" : "asymmetric") + " int4" +
           (shape.size() == 3 ? " in groups of " + std::to_string(shape.back()) : " by channel") +
           "; NPUs want them symmetric and by channel: optimum-cli export openvino --model MODEL --task "
           "text-generation-with-past --weight-format int4 --sym --group-size -1 --ratio 1.0 FOLDER)";
  }
  return "";
}

}  // namespace llm
