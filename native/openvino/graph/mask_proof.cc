#include "openvino/graph/mask_proof.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <openvino/op/ops.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "engine/failure.h"
#include "openvino/graph/constant_numbers.h"

namespace llm {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// A token that is masked has a bias this far below the diagonal's: exp(-10000) is 0 in every precision. Exporters write
// the least f16, the least f32 or minus infinity.
constexpr double kMasked = 1e4;
// Biases are products of f16 or f32 slopes and distances.
constexpr double kTolerance = 1e-3;

// Inputs of PagedAttentionExtension in OpenVINO 2026.4.
constexpr size_t kSlidingWindow = 10, kAlibiSlopes = 11, kSinks = 20;

// What a paged attention says of itself.
struct PagedAttention {
  int64_t window = 0;          // tokens that are seen, the query's own included; 0 = all
  std::vector<double> slopes;  // alibi, a head each; empty = none
  bool sinks = false;
};

// By the names of the attentions that they replaced.
std::map<std::string, PagedAttention> attentions_of(const ov::Model& paged) {
  std::map<std::string, PagedAttention> found;
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
  return found;
}

// A mask as [heads or 1, rows or 1, columns or 1]: a row is a query of the step, a column a token of the sequence.
class Bias {
 public:
  // `mask` is null where nothing is masked.
  Bias(const ov::Tensor* mask, const AttentionMasks::Lengths& lengths) : mask_(mask) {
    if (!mask_) return;
    auto shape = mask_->get_shape();
    while (shape.size() > 3 && shape.front() == 1) shape.erase(shape.begin());
    while (shape.size() < 3) shape.insert(shape.begin(), 1);
    const auto fits = [](size_t found, int64_t wanted) { return found == 1 || found == static_cast<size_t>(wanted); };
    if (shape.size() > 3 || !fits(shape[1], lengths.count) || !fits(shape[2], lengths.past + lengths.count)) {
      throw Failure(ERR_UNSUPPORTED_MODEL, "a mask has the shape " + mask_->get_shape().to_string());
    }
    heads_ = shape[0];
    rows_ = shape[1];
    columns_ = shape[2];
  }

  size_t heads() const { return heads_; }

  double at(size_t head, size_t row, size_t column) const {
    if (!mask_) return 0;
    const size_t first = ((heads_ == 1 ? 0 : head) * rows_ + (rows_ == 1 ? 0 : row)) * columns_;
    const size_t index = first + (columns_ == 1 ? 0 : column);
    if (mask_->get_element_type() == ov::element::boolean) return mask_->data<const bool>()[index] ? 0 : -kInfinity;
    return mask_->data<const float>()[index];
  }

 private:
  const ov::Tensor* mask_;
  size_t heads_ = 1, rows_ = 1, columns_ = 1;
};

// Relative to the diagonal, because what is added to all scores of a row changes nothing.
std::string compare(const AttentionMasks::Layer& layer, const PagedAttention& paged,
                    const std::vector<ov::Tensor>& masks, const AttentionMasks::Lengths& lengths) {
  const int64_t past = lengths.past, count = lengths.count;
  const Bias bias(layer.mask < 0 ? nullptr : &masks[static_cast<size_t>(layer.mask)], lengths);
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
        return hidden ? -kInfinity : bias.at(head, static_cast<size_t>(row), static_cast<size_t>(token));
      };
      const double diagonal = value(position);
      for (int64_t token = 0; token < past + count; ++token) {
        const bool seen = token <= position && (paged.window == 0 || position - token < paged.window);
        const double expected = slope * static_cast<double>(token - position);
        const double found = value(token) - diagonal;
        const bool right =
            seen ? std::abs(found - expected) <= kTolerance * (1 + std::abs(expected)) : found < -kMasked;
        if (right) continue;
        return "of " + std::to_string(past + count) + " tokens, number " + std::to_string(position) +
               (seen ? " would see number " : " would not see number ") + std::to_string(token) +
               (seen ? " without its bias" : "");
      }
    }
  }
  return "";
}

// A prompt and the end of the context, where a row shows its window or chunk; then both sides of each window.
std::vector<AttentionMasks::Lengths> lengths_to_compare(const std::set<int64_t>& windows, int64_t context) {
  std::vector<AttentionMasks::Lengths> lengths{{0, std::min<int64_t>(48, context)}};
  if (context > 4) lengths.push_back({context - 4, 4});
  for (const int64_t window : windows) {
    if (window > 3 && window + 3 <= context) lengths.push_back({window - 3, 6});
  }
  return lengths;
}

}  // namespace

std::string mask_difference(const AttentionMasks& masks, const ov::Model& paged, int64_t context,
                            std::set<int64_t>& windows) {
  const auto attentions = attentions_of(paged);
  for (const auto& [name, attention] : attentions) {
    if (attention.window > 0) windows.insert(attention.window);
  }
  for (const auto& layer : masks.layers()) {
    const auto found = attentions.find(layer.name);
    if (found == attentions.end()) return "its attention " + layer.name + " was not found again";
    if (layer.sinks != found->second.sinks) return "the sinks of its attention " + layer.name + " are dropped";
  }
  const auto steps = lengths_to_compare(windows, context);
  const auto computed = masks.compute(steps);
  for (size_t step = 0; step < steps.size(); ++step) {
    std::set<std::tuple<int64_t, bool, int64_t, std::vector<double>>> seen;  // layers mostly share one mask
    for (const auto& layer : masks.layers()) {
      const auto& attention = attentions.at(layer.name);
      if (!seen.emplace(layer.mask, layer.causal, attention.window, attention.slopes).second) continue;
      const auto words = compare(layer, attention, computed[step], steps[step]);
      if (!words.empty()) return "paged attention would not apply the mask of " + layer.name + ": " + words;
    }
  }
  return "";
}

}  // namespace llm
