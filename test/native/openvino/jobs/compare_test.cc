// A check sees a difference only where its prompts reach.
#include <atomic>

#include "kernels/cpu_features.h"
#include "openvino/runtime.h"
#include "openvino/tiny_decoder.h"
#include "tap.h"

namespace {

using Value = ov::Output<ov::Node>;

// Tokens 120 to 139 do not see token 3. The conversion to paged attention drops that, and the proof of masks looks at
// other rows: the first 48, the last four, and those around sliding windows.
void hide_in_the_middle(ov::Model& graph) {
  const auto positions =
      std::make_shared<ov::op::v1::Reshape>(graph.input("position_ids"), integers({1, 1, -1, 1}), false);
  const auto rows =
      std::make_shared<ov::op::v13::BitwiseAnd>(std::make_shared<ov::op::v1::GreaterEqual>(positions, integers({120})),
                                                std::make_shared<ov::op::v1::Less>(positions, integers({140})));
  const auto tokens = std::make_shared<ov::op::v0::CumSum>(graph.input("attention_mask"),
                                                           ov::op::v0::Constant::create(ov::element::i64, {}, {1}));
  const auto numbers = std::make_shared<ov::op::v1::Reshape>(tokens, integers({1, 1, 1, -1}), false);
  const auto columns = std::make_shared<ov::op::v1::Equal>(numbers, integers({4}));
  const auto hidden = std::make_shared<ov::op::v1::Select>(std::make_shared<ov::op::v13::BitwiseAnd>(rows, columns),
                                                           ov::op::v0::Constant::create(ov::element::f32, {}, {-1e9F}),
                                                           ov::op::v0::Constant::create(ov::element::f32, {}, {0.0F}));
  for (const auto& op : graph.get_ops()) {
    if (!ov::is_type<ov::op::v13::ScaledDotProductAttention>(op)) continue;
    op->input(3).replace_source_output(std::make_shared<ov::op::v1::Add>(op->input_value(3), hidden));
  }
}

TEST("check: a difference that begins at 120 tokens is seen by prompts beyond, not by shorter ones") {
  if (!llm::kX86 || !llm::cpu_features().avx2) return;
  const CraftedModel model(hide_in_the_middle);
  const std::atomic<bool> cancelled = false;
  const auto difference = [&](const std::vector<int32_t>& lengths) {
    const auto found = llm::check_model(model.xml(), cpu_device(), 256, lengths, cancelled, [](const llm::Event&) {});
    return found.max_difference / found.deviation;
  };
  CHECK(difference({24, 80}) < 0.001);
  CHECK(difference({24, 80, 176}) > 0.02);
}

}  // namespace
