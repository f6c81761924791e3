#include "openvino/graph/padding_proof.h"

#include "openvino/graph/long_rope.h"
#include "openvino/tiny_decoder.h"
#include "tap.h"

namespace llm {
namespace {

using ov::element::i64;
using Value = ov::Output<ov::Node>;

void check_obstacle(const ov::Model& model, const std::string& words) {
  const auto found = padding_obstacle(model, 256);
  if (words.empty() ? found != "" : found.find(words) == std::string::npos) throw tap::Mismatch(found);
}

std::shared_ptr<ov::Model> tiny(const std::string& name) {
  return core().read_model(std::filesystem::path("test/fixtures/ir/" + name + "/openvino_model.xml"));
}

Value scalar(int64_t value) { return ov::op::v0::Constant::create(i64, {}, {value}); }

Value length(ov::Model& model, const char* input) {
  return std::make_shared<ov::op::v8::Gather>(std::make_shared<ov::op::v3::ShapeOf>(model.input(input)), scalar(1),
                                              scalar(0));
}

Value range(const Value& begin, const Value& end) {
  return std::make_shared<ov::op::v4::Range>(begin, end, scalar(1), i64);
}

Value places_of_step(ov::Model& model) {
  const auto total = length(model, "attention_mask");
  return range(std::make_shared<ov::op::v1::Subtract>(total, length(model, "input_ids")), total);
}

TEST("padding: causal masks and windows hide it") {
  check_obstacle(*tiny("tiny-llama-fp32"), "");
  check_obstacle(*tiny("tiny-phi3-sw16-fp32"), "");
}

TEST("padding: positions that count the tokens of the whole step move") {
  const auto model = tiny_llama();
  const auto places = std::make_shared<ov::op::v0::Unsqueeze>(places_of_step(*model), scalar(0));
  for (auto target : model->input("position_ids").get_target_inputs()) target.replace_source_output(places);
  model->validate_nodes_and_infer_types();
  check_obstacle(*model, "positions are those of the whole step");
}

TEST("padding: position factors that the longest sequence chooses are not those of the others") {
  const auto model = tiny("tiny-phi3-longrope-fp32");
  check_obstacle(*model, "the longest sequence of a step");
  add_rope_input(*model);
  check_obstacle(*model, "");
}

// Chunks of 16 tokens count from the first column, which is another token's for a padded sequence.
TEST("padding: chunks that count columns move") {
  const auto model = tiny_llama();
  const auto chunk = [](const Value& places, int64_t axis) -> Value {
    const auto chunks = std::make_shared<ov::op::v1::Divide>(places, scalar(16));
    return std::make_shared<ov::op::v0::Unsqueeze>(chunks, scalar(axis));
  };
  const auto same = std::make_shared<ov::op::v1::Equal>(chunk(places_of_step(*model), 1),
                                                        chunk(range(scalar(0), length(*model, "attention_mask")), 0));
  const auto number = [](float value) { return ov::op::v0::Constant::create(ov::element::f32, {}, {value}); };
  const auto bias = std::make_shared<ov::op::v1::Select>(same, number(0), number(-1e9F));
  for (const auto& op : model->get_ops()) {
    if (!ov::is_type<ov::op::v13::ScaledDotProductAttention>(op)) continue;
    op->input(3).replace_source_output(std::make_shared<ov::op::v1::Add>(op->input_value(3), bias));
  }
  model->validate_nodes_and_infer_types();
  check_obstacle(*model, "of padding");
}

}  // namespace
}  // namespace llm
