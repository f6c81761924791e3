#include "openvino/kernels/norm_pattern.h"

#include <algorithm>
#include <openvino/op/ops.hpp>

#include "openvino/kernels/graph_views.h"

namespace llm {
namespace {

using Value = ov::Output<ov::Node>;
using NodePtr = std::shared_ptr<ov::Node>;

// A constant, which may be stored in another type.
std::shared_ptr<ov::op::v0::Constant> constant(const Value& value) {
  NodePtr node = value.get_node_shared_ptr();
  if (ov::is_type<ov::op::v0::Convert>(node)) node = node->get_input_node_shared_ptr(0);
  return ov::as_type_ptr<ov::op::v0::Constant>(node);
}

bool find_scalar(const Value& value, float& number) {
  const auto found = constant(value);
  if (!found || ov::shape_size(found->get_shape()) != 1) return false;
  number = found->cast_vector<float>().front();
  return true;
}

// The inputs of a commutative operation, in both orders.
template <class Op, class Take>
bool either(const Value& value, const Take& take) {
  const auto node = value.get_node_shared_ptr();
  if (!ov::is_type<Op>(node)) return false;
  return take(node->input_value(0), node->input_value(1)) || take(node->input_value(1), node->input_value(0));
}

// Each looks at a value, and notes what makes it when that is what it was asked for.
class Finder {
 public:
  explicit Finder(FoundNorm& found) : found_(found) {}

  // x / sqrt(…) and x * (1 / sqrt(…))
  bool normalized(const Value& value) {
    const auto node = value.get_node_shared_ptr();
    if (ov::is_type<ov::op::v1::Divide>(node)) {
      found_.input = node->input_value(0);
      return root(node->input_value(1)) && note(value);
    }
    const auto take = [&](const Value& x, const Value& scale) {
      found_.input = x;
      return reciprocal_root(scale);
    };
    return either<ov::op::v1::Multiply>(value, take) && note(value);
  }

  bool layer_norm(const Value& value) {
    const auto mvn = ov::as_type_ptr<ov::op::v6::MVN>(value.get_node_shared_ptr());
    if (!mvn || !mvn->get_normalize_variance() || mvn->get_eps_mode() != ov::op::MVNEpsMode::INSIDE_SQRT) return false;
    found_.input = mvn->input_value(0);
    found_.norm.epsilon = mvn->get_eps();
    found_.norm.centred = true;
    return is_last_axis(mvn->input_value(1), found_.input) && note(value);
  }

 private:
  bool note(const Value& value) {
    found_.interior.push_back(value.get_node());
    return true;
  }

  bool mean_of_squares(const Value& value) {
    const auto mean = ov::as_type_ptr<ov::op::v1::ReduceMean>(value.get_node_shared_ptr());
    if (!mean || !mean->get_keep_dims() || !is_last_axis(mean->input_value(1), found_.input)) return false;
    const auto squares = mean->get_input_node_shared_ptr(0);
    if (squares->get_input_size() != 2 || squares->input_value(0) != found_.input) return false;
    const bool is_power = ov::is_type<ov::op::v1::Power>(squares) && is_scalar(squares->input_value(1), 2);
    const bool is_product = ov::is_type<ov::op::v1::Multiply>(squares) && squares->input_value(1) == found_.input;
    return (is_power || is_product) && note(mean->input_value(0)) && note(value);
  }

  // mean(x^2) + epsilon
  bool variance(const Value& value) {
    const auto take = [&](const Value& mean, const Value& epsilon) {
      return find_scalar(epsilon, found_.norm.epsilon) && mean_of_squares(mean);
    };
    return either<ov::op::v1::Add>(value, take) && note(value);
  }

  bool root(const Value& value) {
    const auto node = value.get_node_shared_ptr();
    const bool is_power = ov::is_type<ov::op::v1::Power>(node) && is_scalar(node->input_value(1), 0.5F);
    return (is_power || ov::is_type<ov::op::v0::Sqrt>(node)) && variance(node->input_value(0)) && note(value);
  }

  bool reciprocal_root(const Value& value) {
    const auto node = value.get_node_shared_ptr();
    if (ov::is_type<ov::op::v1::Divide>(node)) {
      return is_scalar(node->input_value(0), 1) && root(node->input_value(1)) && note(value);
    }
    if (!ov::is_type<ov::op::v1::Power>(node)) return false;
    if (is_scalar(node->input_value(1), -0.5F)) return variance(node->input_value(0)) && note(value);
    return is_scalar(node->input_value(1), -1) && root(node->input_value(0)) && note(value);
  }

  FoundNorm& found_;
};

template <class Find>
bool try_to(FoundNorm& found, const Find& find) {
  found = {};
  return find(Finder(found));
}

bool is_f32(const Value& value) { return value.get_element_type() == ov::element::f32; }

}  // namespace

bool is_scalar(const Value& value, float wanted) {
  float number = 0;
  return find_scalar(value, number) && number == wanted;
}

bool only_parts(const std::vector<const ov::Node*>& interior, const ov::Node* last) {
  for (const auto* node : interior) {
    for (const auto& output : node->outputs()) {
      for (const auto& reader : output.get_target_inputs()) {
        const ov::Node* by = reader.get_node();
        if (by != last && std::find(interior.begin(), interior.end(), by) == interior.end()) return false;
      }
    }
  }
  return true;
}

std::vector<float> row_constant(const Value& value, size_t width) {
  const auto found = constant(value);
  if (!found || width == 0 || found->get_element_type().is_integral()) return {};
  const auto& shape = found->get_shape();
  if (shape.empty() || shape.back() != width || ov::shape_size(shape) != width) return {};
  return found->cast_vector<float>();
}

std::vector<float> row_or_number(const Value& value, size_t width) {
  float number = 0;
  if (value.get_element_type().is_real() && find_scalar(value, number)) return std::vector<float>(width, number);
  return row_constant(value, width);
}

std::optional<FoundNorm> find_norm(const std::shared_ptr<ov::Node>& last) {
  if (last->get_output_size() != 1 || !is_f32(last->output(0))) return std::nullopt;
  const size_t width = last_size(last->output(0));
  FoundNorm found;
  const auto weighted = [&](const Value& value, const auto& find) {
    return either<ov::op::v1::Multiply>(value, [&](const Value& inner, const Value& weight) {
      auto numbers = row_constant(weight, width);
      if (numbers.empty() || !try_to(found, [&](Finder finder) { return find(finder, inner); })) return false;
      found.norm.weight = std::move(numbers);
      return true;
    });
  };
  bool is_norm = weighted(last, [](Finder& finder, const Value& value) { return finder.normalized(value); });
  is_norm = is_norm || either<ov::op::v1::Add>(last, [&](const Value& inner, const Value& bias) {
              auto numbers = row_constant(bias, width);
              const auto find = [](Finder& finder, const Value& value) { return finder.layer_norm(value); };
              if (numbers.empty() || !weighted(inner, find)) return false;
              found.interior.push_back(inner.get_node());
              found.norm.bias = std::move(numbers);
              return true;
            });
  if (!is_norm || !is_f32(found.input) ||
      found.input.get_partial_shape().rank() != last->get_output_partial_shape(0).rank() ||
      last_size(found.input) != width || !only_parts(found.interior, last.get())) {
    return std::nullopt;
  }
  return found;
}

}  // namespace llm
