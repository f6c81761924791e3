#include "openvino/graph/attention_mask.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <openvino/op/ops.hpp>
#include <set>
#include <span>

#include "openvino/core.h"

namespace llm {
namespace {

using Value = ov::Output<ov::Node>;

// A token that is masked has a bias this far below the diagonal's: exp(-10000) is 0 in every precision. Exporters write
// the least f16, the least f32 or minus infinity.
constexpr double kMasked = 1e4;
// Biases are products of f16 or f32 slopes and distances.
constexpr double kTolerance = 1e-3;
// Elements of the largest tensor that is computed: a graph that makes a mask of all pairs is looked at no further.
constexpr size_t kMostElements = size_t{1} << 26;

// Whatever device the model is for, its masks are computed by the plugin that every package holds. (OpenVINO's
// reference implementation would need no plugin, but lacks operations that masks are made of, such as CumSum.)
constexpr const char* kHost = "CPU";

// Inputs of PagedAttentionExtension in OpenVINO 2026.4.
constexpr size_t kSlidingWindow = 10, kAlibiSlopes = 11, kSinks = 20;

// The numbers of a value that hangs on constants alone.
std::vector<double> constant_numbers(const Value& value) {
  const auto result =
      std::make_shared<ov::op::v0::Result>(std::make_shared<ov::op::v0::Convert>(value, ov::element::f64)->output(0));
  const ov::Model model(ov::ResultVector{result}, ov::ParameterVector{});
  ov::TensorVector outputs{ov::Tensor(ov::element::f64, ov::Shape{0})};
  if (!model.evaluate(outputs, {})) throw Failure(ERR_UNSUPPORTED_MODEL, "a constant of it cannot be computed");
  const auto* numbers = outputs.front().data<const double>();
  return {numbers, numbers + outputs.front().get_size()};
}

// What is above `ends`, ends included; nothing is looked for above a ShapeOf.
std::vector<ov::Node*> above(const std::vector<ov::Node*>& ends) {
  std::vector<ov::Node*> open = ends, found;
  std::set<const ov::Node*> seen;
  while (!open.empty()) {
    ov::Node* node = open.back();
    open.pop_back();
    if (!seen.insert(node).second) continue;
    found.push_back(node);
    for (size_t i = 0; i < node->get_input_size(); ++i) open.push_back(node->get_input_node_ptr(i));
  }
  return found;
}

size_t elements(const ov::Node& node) {
  size_t most = 0;
  for (const auto& output : node.outputs()) {
    const auto& shape = output.get_partial_shape();
    if (shape.is_static()) most = std::max(most, ov::shape_size(shape.to_shape()));
  }
  return most;
}

// [?, heads, ?, width] or any other layout of a state: its first dynamic dimension is the batch, the second the tokens.
ov::PartialShape state_shape(ov::PartialShape shape, int64_t past) {
  bool batch = true;
  for (auto& dimension : shape) {
    if (dimension.is_static()) continue;
    dimension = batch ? 1 : past;
    batch = false;
  }
  return shape;
}

bool is_shape_of(const ov::Node* node) {
  return ov::is_type<ov::op::v3::ShapeOf>(node) || ov::is_type<ov::op::v0::ShapeOf>(node);
}

// Every mask of a step by itself: a row of the mask is a query, a column a token of the sequence.
struct Bias {
  const ov::Tensor* tensor = nullptr;  // null: nothing is masked
  std::vector<size_t> heads_rows_columns;

  explicit Bias(const ov::Tensor* mask) : tensor(mask) {
    if (!tensor) return;
    const auto& shape = tensor->get_shape();
    // [batch 1, heads or 1, rows, columns]; fewer dimensions are filled up in front.
    std::vector<size_t> dimensions(shape.begin(), shape.end());
    while (dimensions.size() < 3) dimensions.insert(dimensions.begin(), 1);
    size_t front = 1;
    while (dimensions.size() > 3) {
      front *= dimensions.front();
      dimensions.erase(dimensions.begin());
    }
    if (front != 1) throw Failure(ERR_UNSUPPORTED_MODEL, "its mask has more than three dimensions");
    heads_rows_columns = dimensions;
  }

  size_t heads() const { return tensor ? heads_rows_columns[0] : 1; }

  double at(size_t head, size_t row, size_t column) const {
    if (!tensor) return 0;
    const auto& [heads_count, rows, columns] =
        std::tuple(heads_rows_columns[0], heads_rows_columns[1], heads_rows_columns[2]);
    const size_t index = ((heads_count == 1 ? 0 : head) * rows + (rows == 1 ? 0 : row)) * columns + column;
    if (tensor->get_element_type() == ov::element::boolean) {
      return tensor->data<const bool>()[index] ? 0 : -std::numeric_limits<double>::infinity();
    }
    return tensor->data<const float>()[index];
  }
};

}  // namespace

// What a paged attention says of itself.
struct AttentionMasks::Paged {
  int64_t window = 0;          // tokens that are seen, the query's own included; 0 = all
  std::vector<double> slopes;  // alibi, a head each; empty = none
  bool sinks = false;
};

AttentionMasks::AttentionMasks(const ov::Model& model, int64_t context) : context_(context) {
  const auto clone = model.clone();
  ov::ResultVector results;
  std::map<std::pair<const ov::Node*, size_t>, int64_t> outputs;
  for (const auto& op : clone->get_ordered_ops()) {
    const auto attention = ov::as_type_ptr<ov::op::v13::ScaledDotProductAttention>(op);
    if (!attention) continue;
    Layer layer{op->get_friendly_name(), -1, attention->get_causal(), op->get_input_size() > 5};
    // A scalar in the mask's place means none.
    const bool masked = op->get_input_size() > 3 && op->get_input_partial_shape(3).rank() != 0;
    if (masked) {
      Value mask = op->input_value(3);
      const auto [found, is_new] =
          outputs.try_emplace({mask.get_node(), mask.get_index()}, static_cast<int64_t>(results.size()));
      if (is_new) {
        if (mask.get_element_type() != ov::element::boolean && mask.get_element_type() != ov::element::f32) {
          mask = std::make_shared<ov::op::v0::Convert>(mask, ov::element::f32);
        }
        results.push_back(std::make_shared<ov::op::v0::Result>(mask));
      }
      layer.mask = found->second;
    }
    layers_.push_back(std::move(layer));
  }
  // States become inputs, of which only the shapes are looked at.
  auto parameters = clone->get_parameters();
  for (const auto& op : clone->get_ops()) {
    if (!ov::is_type<ov::op::util::ReadValueBase>(op)) continue;
    const auto& output = op->output(0);
    const auto state = std::make_shared<ov::op::v0::Parameter>(output.get_element_type(), output.get_partial_shape());
    op->output(0).replace(state->output(0));
    parameters.push_back(state);
  }
  graph_ = std::make_shared<ov::Model>(results, parameters);
}

std::vector<ov::Tensor> AttentionMasks::compute(const Lengths& lengths) const {
  if (graph_->get_results().empty()) return {};
  const auto [past, count] = lengths;
  const auto graph = graph_->clone();
  for (const auto& input : graph->get_parameters()) {
    const auto& names = input->output(0).get_names();
    const auto named = [&names](const char* name) { return names.contains(name); };
    if (named("input_ids") || named("position_ids")) {
      input->set_partial_shape({1, count});
    } else if (named("attention_mask")) {
      input->set_partial_shape({1, past + count});
    } else if (named("beam_idx")) {
      input->set_partial_shape({1});
    } else {
      input->set_partial_shape(state_shape(input->get_partial_shape(), past));
    }
  }
  graph->validate_nodes_and_infer_types();
  // With all shapes known, what only asks for a shape needs nothing else of the graph: that leaves the weights out.
  for (const auto& op : graph->get_ops()) {
    if (!is_shape_of(op.get()) || op->get_input_partial_shape(0).is_dynamic()) continue;
    const auto shape = op->get_input_shape(0);
    op->output(0).replace(
        ov::op::v0::Constant::create(op->get_output_element_type(0), ov::Shape{shape.size()}, shape)->output(0));
  }
  std::vector<ov::Node*> ends;
  for (const auto& result : graph->get_results()) ends.push_back(result.get());
  ov::ParameterVector parameters;
  ov::TensorVector inputs;
  for (ov::Node* node : above(ends)) {
    if (elements(*node) > kMostElements) {
      throw Failure(ERR_UNSUPPORTED_MODEL, "its mask is computed from tensors too large to look at for " +
                                               std::to_string(past + count) + " tokens");
    }
    const auto parameter = ov::as_type_ptr<ov::op::v0::Parameter>(node->shared_from_this());
    if (!parameter) continue;
    const auto& names = parameter->output(0).get_names();
    ov::Tensor tensor(parameter->get_element_type(), parameter->get_partial_shape().to_shape());
    if (names.contains("attention_mask")) {
      std::fill_n(tensor.data<int64_t>(), tensor.get_size(), 1);
    } else if (names.contains("position_ids")) {
      for (int64_t i = 0; i < count; ++i) tensor.data<int64_t>()[i] = past + i;
    } else if (names.contains("input_ids") || names.contains("beam_idx")) {
      std::memset(tensor.data(), 0, tensor.get_byte_size());
    } else {
      throw Failure(ERR_UNSUPPORTED_MODEL, "its mask hangs on what the model has computed");
    }
    parameters.push_back(parameter);
    inputs.push_back(tensor);
  }
  const auto cut = std::make_shared<ov::Model>(graph->get_results(), parameters);
  auto request =
      core().compile_model(cut, kHost, ov::hint::inference_precision(ov::element::f32)).create_infer_request();
  for (size_t i = 0; i < inputs.size(); ++i) request.set_input_tensor(i, inputs[i]);
  request.infer();
  std::vector<ov::Tensor> masks;
  for (size_t i = 0; i < cut->get_results().size(); ++i) masks.push_back(request.get_output_tensor(i));
  return masks;
}

// Relative to the diagonal, because what is added to all scores of a row changes nothing.
std::string AttentionMasks::compare(const Layer& layer, const Paged& paged, const std::vector<ov::Tensor>& masks,
                                    const Lengths& lengths) const {
  const auto [past, count] = lengths;
  const Bias bias(layer.mask < 0 ? nullptr : &masks[static_cast<size_t>(layer.mask)]);
  const size_t heads = std::max(bias.heads(), std::max<size_t>(1, paged.slopes.size()));
  if (bias.heads() != 1 && !paged.slopes.empty() && bias.heads() != paged.slopes.size())
    return "another number of heads";
  for (size_t head = 0; head < heads; ++head) {
    const double slope = paged.slopes.empty() ? 0 : paged.slopes[head];
    for (int64_t row = 0; row < count; ++row) {
      const int64_t position = past + row;
      const auto value = [&](int64_t token) {
        // The causal flag counts from the first token of the step, whatever is before.
        const bool hidden = layer.causal && token > row;
        return hidden ? -std::numeric_limits<double>::infinity()
                      : bias.at(head, static_cast<size_t>(row), static_cast<size_t>(token));
      };
      const double diagonal = value(position);
      for (int64_t token = 0; token < past + count; ++token) {
        const bool seen = token <= position && (paged.window == 0 || position - token < paged.window);
        const double expected = slope * static_cast<double>(token - position);
        const double found = value(token) - diagonal;
        const bool right =
            seen ? std::abs(found - expected) <= kTolerance * (1 + std::abs(expected)) : found < -kMasked;
        if (right) continue;
        return "token " + std::to_string(position) + (seen ? " sees token " : " does not see token ") +
               std::to_string(token) + (seen ? " with another bias or not at all" : " there") + ", of " +
               std::to_string(past + count) + " tokens";
      }
    }
  }
  return "";
}

std::string AttentionMasks::differs_from(const ov::Model& paged) const {
  std::map<std::string, Paged> found;
  for (const auto& op : paged.get_ops()) {
    // The attention's name goes to what brings its output into the old layout.
    const ov::Node* node = op.get();
    for (int steps = 0; steps < 2 && node->get_input_size() > 0; ++steps) node = node->get_input_node_ptr(0);
    if (std::string(node->get_type_name()) != "PagedAttentionExtension") continue;
    const auto window = constant_numbers(node->input_value(kSlidingWindow));
    const bool sinks = ov::shape_size(node->get_input_partial_shape(kSinks).get_max_shape()) > 0;
    found[op->get_friendly_name()] = {static_cast<int64_t>(window.at(0)),
                                      constant_numbers(node->input_value(kAlibiSlopes)), sinks};
  }
  for (const auto& layer : layers_) {
    if (!found.contains(layer.name)) return "its attention " + layer.name + " was not found again";
    if (layer.sinks != found.at(layer.name).sinks) return "the sinks of its attention " + layer.name + " are dropped";
  }
  // A prompt, the end of the context, and a decode step; then both sides of each window that the last row showed.
  std::vector<Lengths> all{{0, std::min<int64_t>(48, context_)}};
  if (context_ > 4) all.push_back({context_ - 4, 4});
  std::set<int64_t> windows;
  for (const auto& [name, attention] : found) windows.insert(attention.window);
  for (size_t i = 0; i < all.size(); ++i) {
    const auto lengths = all[i];
    const auto masks = compute(lengths);
    for (const auto& layer : layers_) {
      const auto words = compare(layer, found.at(layer.name), masks, lengths);
      if (!words.empty()) return "paged attention would not apply the mask of " + layer.name + ": " + words;
    }
    if (i + 1 < all.size()) continue;
    for (const int64_t window : std::exchange(windows, {})) {
      if (window > 3 && window + 3 <= context_) all.push_back({window - 3, 6});
    }
  }
  return "";
}

}  // namespace llm
