#include "openvino/graph/padding_proof.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <openvino/op/ops.hpp>
#include <set>
#include <vector>

#include "openvino/core.h"
#include "openvino/graph/attention_mask.h"
#include "openvino/graph/state_axes.h"

namespace llm {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// As in mask_proof.cc.
constexpr double kMasked = 1e4;
constexpr double kTolerance = 1e-3;

// The mask of one query, [sequences or 1, heads or 1, 1, columns or 1].
class Row {
 public:
  Row(const ov::Tensor& mask, size_t sequence, int64_t columns) : mask_(mask) {
    auto shape = mask.get_shape();
    while (shape.size() < 4) shape.insert(shape.begin(), 1);
    if (shape.size() > 4 || shape[2] != 1 || (shape[3] != 1 && shape[3] != static_cast<size_t>(columns))) {
      throw Failure(ERR_UNSUPPORTED_MODEL, "a mask has the shape " + mask.get_shape().to_string());
    }
    heads_ = shape[1];
    columns_ = shape[3];
    first_ = std::min(sequence, shape[0] - 1) * heads_ * columns_;
  }
  size_t heads() const { return heads_; }
  double at(size_t head, int64_t column) const {
    const size_t index = first_ + head * columns_ + (columns_ == 1 ? 0 : static_cast<size_t>(column));
    if (mask_.get_element_type() == ov::element::boolean) return mask_.data<const bool>()[index] ? 0 : -kInfinity;
    return mask_.data<const float>()[index];
  }

 private:
  const ov::Tensor& mask_;
  size_t heads_, columns_, first_;
};

std::string number(int64_t value) { return std::to_string(value); }

// Relative to the query's own token, because what is added to all scores of a row changes nothing.
std::string compare(const Row& padded, const Row& alone, int64_t total, int64_t padding) {
  if (padded.heads() != alone.heads()) return "another number of heads";
  for (size_t head = 0; head < alone.heads(); ++head) {
    const double diagonal = padded.at(head, total - 1), expected_diagonal = alone.at(head, total - padding - 1);
    for (int64_t column = 0; column < total; ++column) {
      const double found = padded.at(head, column) - diagonal;
      const double expected = column < padding ? -kInfinity : alone.at(head, column - padding) - expected_diagonal;
      const bool seen = expected > -kMasked;
      if (seen ? std::abs(found - expected) <= kTolerance * (1 + std::abs(expected)) : found < -kMasked) continue;
      return "behind " + number(padding) + " of padding, " + number(total - padding) + " tokens " +
             (column < padding ? "see the padding" : "see number " + number(column - padding) + " in another way");
    }
  }
  return "";
}

// The tokens that the last one sees.
int64_t seen(const Row& row, int64_t total) {
  int64_t count = 0;
  for (int64_t column = 0; column < total; ++column) {
    count += row.at(0, column) - row.at(0, total - 1) > -kMasked ? 1 : 0;
  }
  return count;
}

// Adds the windows that show.
std::string compare_masks(const AttentionMasks& masks, const std::set<int64_t>& totals, int64_t padding,
                          std::set<int64_t>& windows) {
  std::vector<AttentionMasks::Lengths> steps;
  for (const int64_t total : totals) {
    steps.push_back({total - 1, 1, padding});
    steps.push_back({total - padding - 1, 1});
  }
  const auto computed = masks.compute(steps);
  for (size_t step = 0; step < steps.size(); step += 2) {
    const auto &joint = computed[step], &single = computed[step + 1];
    const int64_t total = steps[step].past + 1;
    for (size_t i = 0; i < joint.size(); ++i) {
      const Row alone(single[i], 0, total - padding);
      const auto words = compare(Row(joint[i], 1, total), alone, total, padding);
      if (!words.empty()) return words;
      const int64_t window = seen(alone, total - padding);
      if (window < total - padding) windows.insert(window);
    }
  }
  return "";
}

// A token's place in the step may make masks, which count from it; whatever else it makes would be another one for a
// padded sequence.
bool places_leave_masks(const ov::Model& model) {
  std::vector<const ov::Node*> open;
  for (const auto& op : model.get_ops()) {
    const bool counts = ov::is_type<ov::op::v4::Range>(op) || ov::is_type<ov::op::v0::Range>(op);
    if (counts && op->get_output_partial_shape(0).is_dynamic()) open.push_back(op.get());
  }
  std::set<const ov::Node*> known(open.begin(), open.end());
  while (!open.empty()) {
    const ov::Node* node = open.back();
    open.pop_back();
    for (const auto& output : node->outputs()) {
      for (const auto& target : output.get_target_inputs()) {
        const ov::Node* user = target.get_node();
        if (ov::is_type<ov::op::v3::ShapeOf>(user) || ov::is_type<ov::op::v0::ShapeOf>(user)) continue;
        if (ov::is_type<ov::op::v13::ScaledDotProductAttention>(user)) {
          if (target.get_index() == 3) continue;
          return true;
        }
        if (ov::is_type<ov::op::v0::Result>(user)) return true;
        if (known.insert(user).second) open.push_back(user);
      }
    }
  }
  return false;
}

// What all positions of a step decide together, such as which factors of a RoPE are used.
bool looks_at_all_positions(const ov::Model& model) {
  for (const auto& op : model.get_ops()) {
    if (!ov::is_type<ov::op::v1::ReduceMax>(op)) continue;
    const ov::Node* node = op.get();
    while (node->get_input_size() > 0) node = node->get_input_node_ptr(0);
    if (node->output(0).get_names().contains("position_ids")) return true;
  }
  return false;
}

}  // namespace

std::string padding_obstacle(const ov::Model& model, int64_t context) try {
  if (looks_at_all_positions(model)) return "the longest sequence of a step chooses the position factors of all";
  const AttentionMasks masks(model);
  if (masks.layers().empty()) {
    const auto states = state_axes(model).states;
    const bool attends = std::any_of(states.begin(), states.end(), [](auto& state) { return state.tokens > 0; });
    return attends ? "its graph has no ScaledDotProductAttention whose mask could be looked at" : "";
  }
  for (const auto& layer : masks.layers()) {
    if (layer.mask < 0 || layer.causal) return "an attention has no mask that could hide padding";
  }
  if (places_leave_masks(model)) return "positions are those of the whole step, not of each sequence";
  constexpr int64_t kPadding = 3;
  std::set<int64_t> windows;
  std::set<int64_t> totals{std::min<int64_t>(48, context), context};
  for (int round = 0; round < 2; ++round) {
    std::erase_if(totals, [&](const int64_t total) { return total <= kPadding + 1 || total > context; });
    const auto words = compare_masks(masks, totals, kPadding, windows);
    if (!words.empty()) return words;
    totals.clear();
    for (const int64_t window : windows) totals.insert({window + kPadding, window + kPadding + 1});
  }
  return "";
} catch (const std::bad_alloc&) {
  throw;
} catch (const std::exception& error) {
  return plain_words(error);
}

}  // namespace llm
