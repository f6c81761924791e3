#include "openvino/graph/gguf_mends.h"

#include <cmath>
#include <map>
#include <openvino/op/ops.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/failure.h"

namespace llm {
namespace {

using NodePtr = std::shared_ptr<ov::Node>;
using ConstantPtr = std::shared_ptr<ov::op::v0::Constant>;

[[noreturn]] void refuse(const std::string& what) {
  throw Failure(ERR_UNSUPPORTED_MODEL, "OpenVINO's GGUF front end gave a graph in which " + what);
}

ConstantPtr constant_at(const NodePtr& node, size_t input) {
  return ov::as_type_ptr<ov::op::v0::Constant>(node->get_input_node_shared_ptr(input));
}

// The angles of one table: (frequencies [1, 1, 1, half] * positions) * scale.
struct Angles {
  NodePtr product;  // frequencies * positions
  NodePtr scaled;
};

std::optional<Angles> angles_of(const NodePtr& wave) {
  if (!ov::is_type<ov::op::v0::Sin>(wave) && !ov::is_type<ov::op::v0::Cos>(wave)) return std::nullopt;
  const auto scaled = wave->get_input_node_shared_ptr(0);
  if (!ov::is_type<ov::op::v1::Multiply>(scaled)) return std::nullopt;
  const auto product = scaled->get_input_node_shared_ptr(0);
  if (!ov::is_type<ov::op::v1::Multiply>(product)) return std::nullopt;
  const auto frequencies = constant_at(product, 0);
  const auto scale = constant_at(scaled, 1);
  if (!frequencies || !scale || ov::shape_size(scale->get_shape()) != 1) return std::nullopt;
  return Angles{product, scaled};
}

void divide_frequencies(const Angles& angles, const std::vector<double>& factors) {
  const auto old = constant_at(angles.product, 0);
  auto frequencies = old->cast_vector<float>();
  if (frequencies.size() != factors.size()) {
    refuse("rotary embeddings have " + std::to_string(frequencies.size()) + " frequencies; the file has " +
           std::to_string(factors.size()) + " factors");
  }
  for (size_t i = 0; i < factors.size(); ++i) frequencies[i] /= static_cast<float>(factors[i]);
  angles.product->input(0).replace_source_output(
      ov::op::v0::Constant::create(ov::element::f32, old->get_shape(), frequencies)->output(0));
}

// Frequency i of n is base^(-i / n).
bool has_base(const Angles& angles, double base) {
  const auto frequencies = constant_at(angles.product, 0)->cast_vector<float>();
  if (frequencies.size() < 2) return false;
  const double second = std::pow(base, -1.0 / static_cast<double>(frequencies.size()));
  return std::abs(frequencies[1] - second) < 1e-4 * second;
}

void mend_rotations(ov::Model& model, const GgufMends& mends) {
  const bool divides = !mends.rope_factors.empty();
  const bool multiplies = mends.rope_magnitude != 1;
  if (!divides && !multiplies && mends.local_rope_base == 0) return;
  std::map<ov::Node*, bool> done;  // sines and cosines share their angles
  size_t local = 0;
  size_t waves = 0;
  for (const auto& op : model.get_ordered_ops()) {
    const auto angles = angles_of(op);
    if (!angles) continue;
    ++waves;
    if (multiplies) {
      const auto targets = op->output(0).get_target_inputs();
      const auto magnitude =
          ov::op::v0::Constant::create(ov::element::f32, ov::Shape{}, {static_cast<float>(mends.rope_magnitude)});
      const auto larger = std::make_shared<ov::op::v1::Multiply>(op, magnitude);
      for (auto target : targets) target.replace_source_output(larger->output(0));
    }
    if (!done.emplace(angles->product.get(), true).second) continue;
    if (divides) divide_frequencies(*angles, mends.rope_factors);
    if (mends.local_rope_base != 0 && has_base(*angles, mends.local_rope_base)) {
      ++local;
      const auto shape = constant_at(angles->scaled, 1)->get_shape();
      angles->scaled->input(1).replace_source_output(
          ov::op::v0::Constant::create(ov::element::f32, shape, {1.0F})->output(0));
    }
  }
  if (waves == 0) refuse("the sines and cosines of rotary embeddings were not found");
  if (mends.local_rope_base != 0 && local == 0) refuse("the rotary embeddings of the windowed layers were not found");
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// A rotation is x * cos + rotated(x) * sin; x takes its place.
void leave_unrotated(ov::Model& model, const std::vector<int32_t>& layers) {
  size_t found = 0;
  for (const auto& op : model.get_ordered_ops()) {
    if (!ov::is_type<ov::op::v1::Add>(op)) continue;
    for (const int32_t layer : layers) {
      const std::string prefix = "blk." + std::to_string(layer) + ".";
      const std::string& name = op->get_friendly_name();
      if (!ends_with(name, "_" + prefix + "Qcur_rope") && !ends_with(name, "_" + prefix + "Kcur_rope")) continue;
      const auto by_cos = op->get_input_node_shared_ptr(0);
      if (!ov::is_type<ov::op::v1::Multiply>(by_cos)) refuse("a rotation has another form");
      op->output(0).replace(by_cos->input_value(0));
      ++found;
    }
  }
  if (found != 2 * layers.size()) refuse("the rotations of the layers that have none were not found");
}

void take_one_mask(ov::Model& model, bool windowed) {
  std::vector<NodePtr> attentions;
  std::optional<ov::Output<ov::Node>> mask;
  for (const auto& op : model.get_ordered_ops()) {
    if (!ov::is_type<ov::op::v13::ScaledDotProductAttention>(op)) continue;
    if (op->get_input_size() < 4) refuse("attention has no mask");
    attentions.push_back(op);
    const std::string& name = op->get_input_node_shared_ptr(3)->get_friendly_name();
    if (name.find("KQ_mask") == std::string::npos) refuse("a mask has the name " + name);
    if ((name.find("KQ_mask_swa") != std::string::npos) == windowed) mask = op->input_value(3);
  }
  if (!mask) refuse(windowed ? "no layer has a window" : "every layer has a window");
  for (const auto& attention : attentions) attention->input(3).replace_source_output(*mask);
}

}  // namespace

size_t mend_gguf(ov::Model& model, const GgufMends& mends) {
  mend_rotations(model, mends);
  if (!mends.unrotated_layers.empty()) leave_unrotated(model, mends.unrotated_layers);
  if (!mends.attention_mask.empty()) take_one_mask(model, mends.attention_mask == "windowed");
  model.validate_nodes_and_infer_types();
  return mends.unrotated_layers.size();
}

}  // namespace llm
