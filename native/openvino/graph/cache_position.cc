#include "openvino/graph/cache_position.h"

#include <openvino/op/ops.hpp>
#include <set>
#include <vector>

#include "engine/failure.h"

namespace llm {
namespace {

using Value = ov::Output<const ov::Node>;

// Whether a node only brings a length into another form.
bool keeps_length(const ov::Node* node) {
  return ov::is_type<ov::op::v3::ShapeOf>(node) || ov::is_type<ov::op::v0::ShapeOf>(node) ||
         ov::is_type<ov::op::v0::Convert>(node) || ov::is_type<ov::op::v0::Squeeze>(node) ||
         ov::is_type<ov::op::v0::Unsqueeze>(node) || ov::is_type<ov::op::v1::Reshape>(node) ||
         ov::is_type<ov::op::util::GatherBase>(node);
}

void collect_compared(const Value& value, std::set<int64_t>& numbers) {
  for (const auto& target : value.get_target_inputs()) {
    const ov::Node* node = target.get_node();
    if (ov::is_type<ov::op::v1::Equal>(node)) {
      const auto* other = ov::as_type<const ov::op::v0::Constant>(node->get_input_node_ptr(1 - target.get_index()));
      if (other && ov::shape_size(other->get_shape()) == 1) numbers.insert(other->cast_vector<int64_t>().front());
    } else if (target.get_index() == 0 && keeps_length(node)) {
      collect_compared(node->output(0), numbers);
    }
  }
}

}  // namespace

size_t prompt_positions_of(const ov::Model& model) {
  std::set<int64_t> numbers;
  for (const auto& target : model.input(kCachePosition).get_target_inputs()) {
    const ov::Node* node = target.get_node();
    if (ov::is_type<ov::op::v3::ShapeOf>(node) || ov::is_type<ov::op::v0::ShapeOf>(node)) {
      collect_compared(node->output(0), numbers);
    }
  }
  if (numbers.size() != 1 || *numbers.begin() < 2) {
    throw Failure(ERR_UNSUPPORTED_MODEL,
                  "expected its input cache_position to be compared with the width of its convolution, found " +
                      std::to_string(numbers.size()) + " such numbers");
  }
  return static_cast<size_t>(*numbers.begin());
}

}  // namespace llm
