#include "openvino/attention/attention_choice.h"

#include <map>
#include <openvino/op/ops.hpp>
#include <optional>
#include <tuple>

#include "engine/failure.h"
#include "kernels/kernel.h"
#include "openvino/attention/block_attention.h"
#include "openvino/attention/paged_node.h"
#include "openvino/core.h"
#include "openvino/kernels/kernel_choice.h"

namespace llm {
namespace {

constexpr size_t kPagedInputs = 9;       // those of PagedAttentionExtension that BlockAttention takes first
constexpr size_t kLongestSequence = 12;  // and the last one

bool has_shape(const ov::PartialShape& found, size_t heads, size_t rows, size_t width) {
  const auto is = [&](size_t axis, size_t length) { return found[axis] == static_cast<int64_t>(length); };
  return found.rank().is_static() && found.size() == 4 && is(1, heads) && is(2, rows) && is(3, width);
}

// How our blocks are declared to the plugin: f16 as bytes, because it would convert an input in f16 to f32, and u4 as
// bytes, because tensors of it cannot be cut.
struct CacheInput {
  KvType type;
  ov::element::Type element;
  ov::PartialShape shape;
};

std::optional<KvType> type_of(const ov::element::Type& type) {
  if (type == ov::element::u8) return KvType::kU8;
  if (type == ov::element::u4) return KvType::kU4;
  if (type == ov::element::f16) return KvType::kF16;
  if (type == ov::element::f32) return KvType::kF32;
  return std::nullopt;
}

// Returns false when the plugin would keep it in a way that we do not have.
bool adopt(const ov::element::Type& element, const ov::PartialShape& shape, size_t heads, size_t width, bool keys,
           CacheInput& out) {
  const auto type = type_of(element);
  if (!type) return false;
  // Scale and least value: they are counted as so many elements.
  const size_t parameters = code_bits(*type) > 0 ? 2 * sizeof(float) * 8 / code_bits(*type) : 0;
  const size_t rows = kBlockTokens + (keys ? parameters : 0);
  const size_t columns = width + (keys ? 0 : parameters);
  if (!has_shape(shape, heads, rows, columns)) return false;
  out = {*type, element, shape};
  if (element == ov::element::f16 || element == ov::element::u4) {
    out.element = ov::element::u8;
    out.shape[3] = static_cast<int64_t>(columns * element.bitwidth() / 8);
  }
  return true;
}

ov::Output<ov::Node> converted(const ov::Output<ov::Node>& value, const ov::element::Type& type) {
  if (value.get_element_type() == type) return value;
  return std::make_shared<ov::op::v0::Convert>(value, type);
}

class Replacement {
 public:
  Replacement(const ov::Model& model, const EngineConfig& config, const ov::AnyMap& properties,
              const AttentionKernel& kernel)
      : model_(model), config_(config), properties_(properties), kernel_(kernel) {}

  // Returns in words why the node stays, '' when it was replaced.
  std::string replace(const std::shared_ptr<ov::Node>& node) {
    std::string words;
    auto attention = std::make_shared<SharedAttention>();
    attention->kernel = &kernel_;
    attention->shape = paged_shape(*node, words);
    if (!words.empty()) return words;
    auto& shape = attention->shape;
    const auto& cache = cache_of(*node, shape);
    if (cache.inference_precision != ov::element::f32) {
      return "OpenVINO computes in " + cache.inference_precision.to_string();
    }
    CacheInput keys;
    CacheInput values;
    if (!adopt(cache.key_type, cache.key_shape, shape.kv_heads, shape.key_width, true, keys) ||
        !adopt(cache.value_type, cache.value_shape, shape.kv_heads, shape.value_width, false, values)) {
      return "a KV cache in " + precision_of(cache) + " " + cache.key_shape.to_string();
    }
    shape.key_type = keys.type;
    shape.value_type = values.type;
    attention->id = std::to_string(count_++) + " " + node->get_friendly_name();
    declare(node->input_value(3), keys);
    declare(node->input_value(4), values);
    precision = precision_of(cache);
    codes = code_bits(keys.type) > 0 && code_bits(values.type) > 0;
    ov::OutputVector inputs;
    for (size_t i = 0; i < kPagedInputs; ++i) inputs.push_back(node->input_value(i));
    // A graph that says f16 is computed in f32 all the same, and the plugin drops these conversions.
    for (size_t i = 0; i < 3; ++i) inputs[i] = converted(inputs[i], ov::element::f32);
    inputs.push_back(node->input_value(kLongestSequence));
    const auto op = std::make_shared<BlockAttention>(inputs, std::move(attention));
    op->set_friendly_name(node->get_friendly_name());
    node->output(0).replace(converted(op->output(0), node->get_output_element_type(0)));
    return "";
  }

  std::string precision;
  bool codes = false;  // whether the cache is in u8 or u4

 private:
  static std::string precision_of(const PagedCache& cache) {
    const auto keys = cache.key_type.get_type_name();
    const auto values = cache.value_type.get_type_name();
    return keys == values ? keys : keys + "/" + values;
  }

  static void declare(const ov::Output<ov::Node>& input, const CacheInput& as) {
    const auto parameter = ov::as_type_ptr<ov::op::v0::Parameter>(input.get_node_shared_ptr());
    if (!parameter) throw Failure(ERR_ENGINE, "a KV cache is no input: " + input.get_node()->get_friendly_name());
    parameter->set_element_type(as.element);
    parameter->set_partial_shape(as.shape);
    parameter->validate_and_infer_types();
  }

  const PagedCache& cache_of(const ov::Node& node, const AttentionShape& shape) {
    const auto key = std::tuple(shape.kv_heads, shape.key_width, shape.value_width);
    auto found = caches_.find(key);
    if (found == caches_.end()) {
      found = caches_.emplace(key, paged_cache(node, model_, config_.device.name, properties_)).first;
    }
    return found->second;
  }

  const ov::Model& model_;
  const EngineConfig& config_;
  const ov::AnyMap& properties_;
  const AttentionKernel& kernel_;
  std::map<std::tuple<size_t, size_t, size_t>, PagedCache> caches_;
  size_t count_ = 0;
};

void add(std::vector<AttentionChoice>& choices, const std::string& kernel, const std::string& reason) {
  for (auto& choice : choices) {
    if (choice.kernel != kernel || choice.reason != reason) continue;
    ++choice.layers;
    return;
  }
  choices.push_back({kernel, 1, reason});
}

}  // namespace

const AttentionKernel& wanted_attention(const std::string& cpu_kernel) {
  return attention_kernel(wanted_kernel(cpu_kernel).name);
}

AttentionSetup choose_attention(ov::Model& model, const EngineConfig& config, const ov::AnyMap& properties) {
  AttentionSetup setup;
  std::vector<std::shared_ptr<ov::Node>> nodes;
  for (const auto& node : model.get_ordered_ops()) {
    if (is_paged_attention(*node)) nodes.push_back(node);
  }
  std::string kept;
  if (config.cpu_attention == "openvino") kept = "option cpuAttention";
  if (config.cpu_attention == "auto" && config.cpu_kernel == "openvino") kept = "option cpuKernel";
  const auto& attention = wanted_attention(config.cpu_kernel);
  if (kept.empty() && config.cpu_attention == "auto" && config.cpu_kernel == "auto" &&
      &attention == &portable_attention()) {
    kept = "there is no built-in attention for this processor";
  }
  if (!kept.empty()) {
    for (size_t i = 0; i < nodes.size(); ++i) add(setup.choices, "openvino", kept);
    return setup;
  }
  Replacement replacement(model, config, properties, attention);
  const bool always = config.cpu_attention == "builtin";
  for (const auto& node : nodes) {
    const auto obstacle = replacement.replace(node);
    if (!obstacle.empty()) {
      add(setup.choices, "openvino", obstacle);
      continue;
    }
    // As measured, see docs/kernels.md.
    const std::string gain = replacement.codes ? "quicker" : "quicker tokens, prompts alike,";
    const auto reason = always ? "option cpuAttention" : gain + " with a KV cache in " + replacement.precision;
    add(setup.choices, attention.name, reason);
  }
  setup.kv_precision = replacement.precision;
  model.validate_nodes_and_infer_types();
  return setup;
}

}  // namespace llm
