#include "openvino/attention/paged_node.h"

#include <openvino/op/ops.hpp>

#include "engine/failure.h"
#include "openvino/core.h"
#include "openvino/graph/constant_numbers.h"

namespace llm {
namespace {

constexpr size_t kInputs = 28;
enum Input : size_t {
  kQueries,
  kKeys,
  kValues,
  kKeyCache,
  kValueCache,
  kScale = 9,
  kWindow,
  kSlopes,
  kLongest,
  kScoreWindow,
  kSparseBlock = 18,
  kSparseStride,
  kSinks,
  kEvictionStart
};

// Finds one attribute that is true or false.
class FlagReader : public ov::AttributeVisitor {
 public:
  explicit FlagReader(std::string name) : name_(std::move(name)) {}
  void on_adapter(const std::string&, ov::ValueAccessor<void>&) override {}
  void on_adapter(const std::string& name, ov::ValueAccessor<bool>& adapter) override {
    if (name == name_) value = adapter.get();
  }
  bool value = true;

 private:
  std::string name_;
};

size_t number(const ov::Node& node, const char* key) {
  const auto& info = node.get_rt_info();
  const auto found = info.find(key);
  if (found == info.end()) throw Failure(ERR_ENGINE, std::string("a paged attention does not say its ") + key);
  return found->second.as<size_t>();
}

bool is_empty(const ov::Output<ov::Node>& value) {
  const auto& shape = value.get_partial_shape();
  return shape.is_static() && ov::shape_size(shape.to_shape()) == 0;
}

std::vector<float> floats(const ov::Output<ov::Node>& value) {
  const auto numbers = constant_numbers(value);
  return {numbers.begin(), numbers.end()};
}

}  // namespace

bool is_paged_attention(const ov::Node& node) { return std::string(node.get_type_name()) == "PagedAttentionExtension"; }

AttentionShape paged_shape(const ov::Node& node, std::string& obstacle) {
  AttentionShape shape;
  if (node.get_input_size() != kInputs) {
    obstacle = "an attention with " + std::to_string(node.get_input_size()) + " inputs";
    return shape;
  }
  for (size_t i = kScoreWindow; i < kInputs; ++i) {
    if (i == kSparseBlock || i == kSparseStride || i == kSinks || i == kEvictionStart) continue;
    if (!is_empty(node.input_value(i))) obstacle = "an attention with input " + std::to_string(i);
  }
  for (size_t i = 1; i < node.get_output_size(); ++i) {
    if (!node.get_output_target_inputs(i).empty()) obstacle = "an attention whose scores are used";
  }
  FlagReader writes("write_kv_cache");
  const_cast<ov::Node&>(node).visit_attributes(writes);
  if (!writes.value) obstacle = "an attention that takes keys of another layer";
  for (const size_t input : {kQueries, kKeys, kValues}) {
    const auto type = node.get_input_element_type(input);
    if (!type.is_real()) obstacle = "an attention whose inputs are " + type.to_string();
  }
  const auto& width = node.get_input_partial_shape(kQueries);
  if (width.rank().is_dynamic() || width.size() != 2 || width[1].is_dynamic()) {
    obstacle = "an attention whose number of heads is not known";
  }
  if (!obstacle.empty()) return shape;
  shape.kv_heads = number(node, "num_k_heads");
  shape.key_width = number(node, "k_head_size");
  shape.value_width = number(node, "v_head_size");
  if (number(node, "num_v_heads") != shape.kv_heads) obstacle = "an attention with other heads of values than of keys";
  shape.heads = static_cast<size_t>(width[1].get_length()) / shape.key_width;
  shape.scale = floats(node.input_value(kScale)).at(0);
  const double window = constant_numbers(node.input_value(kWindow)).at(0);
  shape.window = window > 0 ? static_cast<size_t>(window) : 0;
  shape.slopes = floats(node.input_value(kSlopes));
  shape.sinks = floats(node.input_value(kSinks));
  if (obstacle.empty()) obstacle = llm::obstacle(shape);
  return shape;
}

PagedCache paged_cache(const ov::Node& node, const ov::Model& whole, const std::string& device,
                       const ov::AnyMap& properties) {
  ov::OutputVector inputs;
  ov::ParameterVector parameters;
  size_t key = 0;
  size_t value = 0;
  for (size_t i = 0; i < node.get_input_size(); ++i) {
    const auto input = node.input_value(i);
    if (i > kLongest || (i >= kScale && i < kLongest)) {
      inputs.push_back(input);
      continue;
    }
    if (i == kKeyCache) key = parameters.size();
    if (i == kValueCache) value = parameters.size();
    parameters.push_back(std::make_shared<ov::op::v0::Parameter>(input.get_element_type(), input.get_partial_shape()));
    inputs.push_back(parameters.back());
  }
  const auto alone = node.clone_with_new_inputs(inputs);
  alone->get_rt_info() = node.get_rt_info();
  const auto model = std::make_shared<ov::Model>(ov::OutputVector{alone->output(0)}, parameters);
  model->get_rt_info() = whole.get_rt_info();  // it may hold the exporter's own options, such as a precision
  const auto compiled = core().compile_model(model, device, properties);
  const auto keys = compiled.input(key);
  const auto values = compiled.input(value);
  return {keys.get_element_type(), keys.get_partial_shape(), values.get_element_type(), values.get_partial_shape(),
          compiled.get_property(ov::hint::inference_precision)};
}

}  // namespace llm
