// Reads from a graph, without compiling it, what its model's memory depends on.
#include <algorithm>
#include <openvino/op/ops.hpp>
#include <openvino/op/util/variable.hpp>

#include "openvino/core.h"
#include "openvino/kernels/kernel_info.h"
#include "openvino/model/model.h"
#include "openvino/runtime.h"

namespace llm {
namespace {

// Product of the static dimensions other than the batch: [?, heads, ?, width], or [1, ?, heads, width].
int64_t values_per_token(const ov::PartialShape& shape) {
  int64_t values = 1;
  if (shape.rank().is_dynamic()) return 0;
  for (const auto& dimension : shape)
    values *= dimension.is_static() ? std::max<int64_t>(1, dimension.get_length()) : 1;
  return values;
}

// Whether a value is a constant, or a decompressed one.
bool is_weight(const ov::Node* node) {
  for (; !ov::is_type<ov::op::v0::Constant>(node); node = node->get_input_node_ptr(0)) {
    if (node->get_input_size() == 0) return false;
    const bool decompresses = ov::is_type<ov::op::v0::Convert>(node) || ov::is_type<ov::op::v1::Multiply>(node) ||
                              ov::is_type<ov::op::v1::Subtract>(node) || ov::is_type<ov::op::v1::Reshape>(node);
    if (!decompresses) return false;
  }
  return true;
}

int64_t matmul_width(const ov::Model& model, int64_t vocabulary) {
  int64_t sum = 0;
  for (const auto& op : model.get_ops()) {
    if (!ov::is_type<ov::op::v0::MatMul>(op) || !is_weight(op->get_input_node_ptr(1))) continue;
    const auto& shape = op->get_output_partial_shape(0);
    if (shape.rank().is_dynamic() || shape.size() == 0 || shape[shape.size() - 1].is_dynamic()) continue;
    const int64_t width = shape[shape.size() - 1].get_length();
    if (width != vocabulary) sum += width;
  }
  return sum;
}

}  // namespace

Inspection inspect_model(const std::string& model_path, const std::string& device) {
  const auto decoder = read_decoder(model_path);
  Inspection found;
  found.model = decoder.info;
  const auto& variables = decoder.model->get_variables();
  for (const auto& variable : variables) found.kv_values_per_token += values_per_token(variable->get_info().data_shape);
  found.layers = static_cast<int64_t>(variables.size() / 2);
  found.matmul_width = matmul_width(*decoder.model, decoder.info.vocabulary_size);
  found.packed_bytes = static_cast<int64_t>(kernel_info(*decoder.model).packed_bytes);
  try {
    found.inference_precision = core().get_property(device, "INFERENCE_PRECISION_HINT").as<std::string>();
  } catch (const std::exception&) {
    // Virtual devices and the NPU do not tell.
  }
  return found;
}

}  // namespace llm
