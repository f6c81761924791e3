// Finds norms in a graph, which exporters write as several operations.
#pragma once
#include <openvino/openvino.hpp>
#include <optional>
#include <vector>

#include "kernels/row_norm.h"

namespace llm {

struct FoundNorm {
  ov::Output<ov::Node> input;
  RowNorm norm;
  std::vector<const ov::Node*> interior;  // the operations that are nothing but parts of it, without the last one
};

// The norm over the last axis whose result is the one output of `last`:
//   RMS norm: x * (1 / sqrt(mean(x^2) + epsilon)) * weight, in the ways in which exporters write it
//   layer norm: MVN(x) * weight + bias
std::optional<FoundNorm> find_norm(const std::shared_ptr<ov::Node>& last);

// Whether nothing but the parts of a pattern and its last operation reads what the parts give.
bool only_parts(const std::vector<const ov::Node*>& interior, const ov::Node* last);

// Whether a value is the constant number `wanted`.
bool is_scalar(const ov::Output<ov::Node>& value, float wanted);

// The numbers of a constant that is the same for all rows: `width` of them along the last axis. Empty for others.
std::vector<float> row_constant(const ov::Output<ov::Node>& value, size_t width);

// The same, or a constant number: then `width` times that.
std::vector<float> row_or_number(const ov::Output<ov::Node>& value, size_t width);

}  // namespace llm
