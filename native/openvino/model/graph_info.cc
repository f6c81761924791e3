#include "openvino/model/graph_info.h"

#include <algorithm>
#include <openvino/op/ops.hpp>
#include <string>
#include <vector>

#include "openvino/graph/long_rope.h"

namespace llm {
namespace {

// Whether a value is computed from `root` by shape changes, conversions and additions of constants alone.
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

// What exporters and the weight compressor write into a model. ov::Model reads these sections lazily, and only by path.
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

}  // namespace llm
