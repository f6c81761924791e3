#include "openvino/attention/paged_node.h"

#include <cmath>
#include <openvino/op/ops.hpp>
#include <set>
#include <vector>

#include "openvino/graph/paged_graph.h"
#include "openvino/tiny_decoder.h"
#include "tap.h"

namespace {

// Inputs of PagedAttentionExtension.
constexpr size_t kScale = 9, kWindow = 10, kSlopes = 11, kScoreWindow = 13, kSinks = 20;

std::shared_ptr<ov::Model> paged_llama() {
  auto model = tiny_llama();
  std::set<int64_t> windows;
  CHECK_EQUAL(llm::page(model, 2048, windows), std::string());
  return model;
}

ov::Node& attention_of(const ov::Model& model) {
  for (const auto& node : model.get_ordered_ops()) {
    if (llm::is_paged_attention(*node)) return *node;
  }
  throw tap::Mismatch("a paged graph has no paged attention");
}

// Other constants of the same type, in the shape that OpenVINO gives them.
void put(ov::Node& node, size_t input, const std::vector<float>& values, const ov::Shape& shape) {
  const auto type = node.get_input_element_type(input);
  node.input(input).replace_source_output(ov::op::v0::Constant::create(type, shape, values));
}

}  // namespace

TEST("paged attention: heads, scale, window, alibi and sinks are read from the node") {
  const auto model = paged_llama();
  auto& node = attention_of(*model);
  std::string obstacle;
  const auto plain = llm::paged_shape(node, obstacle);
  CHECK_EQUAL(obstacle, std::string());
  CHECK_EQUAL(plain.heads * plain.key_width, static_cast<size_t>(node.get_input_partial_shape(0)[1].get_length()));
  CHECK_EQUAL(plain.kv_heads * plain.key_width, static_cast<size_t>(node.get_input_partial_shape(1)[1].get_length()));
  CHECK_EQUAL(plain.key_width, plain.value_width);
  CHECK(std::abs(plain.scale * std::sqrt(static_cast<float>(plain.key_width)) - 1) < 1e-5F);
  CHECK_EQUAL(plain.window, size_t{0});
  CHECK(plain.slopes.empty() && plain.sinks.empty());

  std::vector<float> slopes, sinks;
  for (size_t head = 0; head < plain.heads; ++head) {
    slopes.push_back(0.5F + static_cast<float>(head));
    sinks.push_back(-2.F * static_cast<float>(head));
  }
  put(node, kScale, {0.25F}, {});
  put(node, kWindow, {7}, {});
  put(node, kSlopes, slopes, {plain.heads});
  put(node, kSinks, sinks, {1, plain.heads, 1, 1});
  const auto full = llm::paged_shape(node, obstacle);
  CHECK_EQUAL(obstacle, std::string());
  CHECK_EQUAL(full.scale, 0.25F);
  CHECK_EQUAL(full.window, size_t{7});
  CHECK(full.slopes == slopes);
  CHECK(full.sinks == sinks);
}

TEST("paged attention: what it is not known to compute is named") {
  const auto model = paged_llama();
  auto& node = attention_of(*model);
  std::string obstacle;
  put(node, kScoreWindow, {1}, {1});
  llm::paged_shape(node, obstacle);
  CHECK_EQUAL(obstacle, std::string("an attention with input 13"));
  put(node, kScoreWindow, {}, {0});
  put(node, kSinks, {1}, {1, 1, 1, 1});
  obstacle.clear();
  llm::paged_shape(node, obstacle);
  CHECK_EQUAL(obstacle, std::string("another number of sinks than heads"));
}
