// What cannot be run on the paged runner runs on the stateful one, and says why.
#include <limits>

#include "engine/event_log.h"
#include "engine/loop.h"
#include "kernels/cpu_features.h"
#include "openvino/runtime.h"
#include "openvino/tiny_decoder.h"
#include "tap.h"

namespace {

llm::EngineConfig config_for(const CraftedModel& model, const std::string& runner) {
  llm::EngineConfig config;
  config.runner = runner;
  config.model_path = model.xml();
  config.device = cpu_device();
  config.properties = {"INFERENCE_PRECISION_HINT=f32", "KV_CACHE_PRECISION=f32"};
  config.gather_rows = true;
  config.context_length = 256;
  config.prefill_chunk = 64;
  config.max_sequences = 1;
  config.kv_tokens = 256;
  config.kv_bytes = std::numeric_limits<double>::infinity();
  config.cpu_kernel = "openvino";
  return config;
}

const llm::EventSink kNobody = [](const llm::Event&) {};

// The stateful runner takes it, with a reason that holds `words`; who asks for the paged one gets an error with them.
void check_falls_back(const CraftedModel& model, const std::string& words) {
  const auto info = llm::open_runner(config_for(model, "auto"), kNobody)->info();
  CHECK_EQUAL(info.runner, "stateful");
  if (info.reason.find(words) == std::string::npos) throw tap::Mismatch(info.reason);
  try {
    llm::open_runner(config_for(model, "paged"), kNobody);
    CHECK(false);
  } catch (const llm::Failure& failure) {
    CHECK_EQUAL(failure.code(), llm::ERR_UNSUPPORTED_MODEL);
    if (std::string(failure.what()).find(words) == std::string::npos) throw tap::Mismatch(failure.what());
  }
}

bool pages() { return llm::kX86 && llm::cpu_features().avx2; }

TEST("open: a graph that cuts its last row out cannot be paged") {
  if (!pages()) return;
  const CraftedModel model([](ov::Model& graph) {
    const auto head = head_of(graph);
    head->input(0).replace_source_output(std::make_shared<ov::op::v8::Slice>(
        head->input_value(0), integers({-1}), integers({1 << 30}), integers({1}), integers({1})));
  });
  check_falls_back(model, "cannot be paged: its logits ");
  // The stateful runner gives that row.
  const auto runner = llm::open_runner(config_for(model, "auto"), kNobody);
  const std::vector<llm::Token> tokens{3, 10, 17};
  CHECK_EQUAL(runner->admit(1, llm::Rope::kShort, tokens, 8, 0).value(), size_t{0});
  const llm::Span span{1, tokens, 0, 1};
  runner->start({&span, 1});
  CHECK_EQUAL(runner->wait().count, size_t{1});
}

// `change` makes another mask of an attention's own.
void change_masks(ov::Model& graph, const std::function<ov::Output<ov::Node>(const ov::Output<ov::Node>&)>& change) {
  for (const auto& op : graph.get_ops()) {
    if (!ov::is_type<ov::op::v13::ScaledDotProductAttention>(op)) continue;
    op->input(3).replace_source_output(change(op->input_value(3)));
  }
}

ov::Output<ov::Node> numbers(const std::vector<float>& values) {
  return ov::op::v0::Constant::create(ov::element::f32, {values.size()}, values);
}

// Where others are masks of lengths and positions, token 7 sees all of its step: as an image's tokens see each other.
TEST("open: a mask that hangs on the tokens themselves is not proven, for paging or for padding") {
  if (!pages()) return;
  const CraftedModel model([](ov::Model& graph) {
    const auto rows = std::make_shared<ov::op::v0::Unsqueeze>(graph.input("input_ids"), integers({1, 3}));
    const auto sees_all = std::make_shared<ov::op::v1::Equal>(rows, integers({7}));
    change_masks(graph,
                 [&](const auto& mask) { return std::make_shared<ov::op::v1::Select>(sees_all, numbers({0}), mask); });
  });
  check_falls_back(model, "its mask hangs on the tokens themselves");
  auto config = config_for(model, "stateful");
  config.max_sequences = 2;
  config.stateful_chunk = 64;
  const auto info = llm::open_runner(config, kNobody)->info();
  CHECK_EQUAL(info.batching, "equal");
  CHECK_EQUAL(info.batching_reason, "its mask hangs on the tokens themselves");
}

// Paging removes attention_mask, which is still used here. OpenVINO's pass throws.
TEST("open: a graph that OpenVINO's pass to paged attention refuses") {
  if (!pages()) return;
  const CraftedModel model([](ov::Model& graph) {
    const auto head = head_of(graph);
    const auto mask = std::make_shared<ov::op::v0::Convert>(graph.input("attention_mask"), ov::element::f32);
    const auto ones = std::make_shared<ov::op::v1::ReduceMax>(mask, integers({0, 1}), false);
    head->input(0).replace_source_output(std::make_shared<ov::op::v1::Multiply>(head->input_value(0), ones));
  });
  check_falls_back(model, "cannot be paged: OpenVINO cannot convert its attention: ");
}

// No processor has a paged attention with these two precisions, and the stateful graph compiles.
TEST("open: a paged graph that does not compile") {
  if (!pages()) return;
  const CraftedModel model([](ov::Model&) {});
  auto config = config_for(model, "auto");
  config.properties = {"INFERENCE_PRECISION_HINT=f32", "KEY_CACHE_PRECISION=u8", "VALUE_CACHE_PRECISION=f32"};
  const auto info = llm::open_runner(config, kNobody)->info();
  CHECK_EQUAL(info.runner, "stateful");
  if (info.reason.find("key_cache_type u8") == std::string::npos) throw tap::Mismatch(info.reason);
}

// Tokens lie along the second dimension in the stateful graph and along the first in the paged one: what counts on the
// second one breaks when it is paged.

TEST("open: a graph that is paged and fails in its first step") {
  if (!pages()) return;
  const CraftedModel model([](ov::Model& graph) {
    const auto head = head_of(graph);
    const auto shape = std::make_shared<ov::op::v3::ShapeOf>(graph.input("input_ids"));
    const auto tokens = std::make_shared<ov::op::v8::Gather>(shape, integers({1}), integers({0}));
    const auto target = std::make_shared<ov::op::v0::Concat>(
        ov::OutputVector{integers({1}), tokens, integers({head->get_input_partial_shape(0)[2].get_length()})}, 0);
    head->input(0).replace_source_output(std::make_shared<ov::op::v1::Reshape>(head->input_value(0), target, false));
  });
  EventLog log;
  auto config = config_for(model, "auto");
  config.warmup = {4};
  llm::EngineLoop loop(config, llm::open_runner, log.sink());
  const auto info = log.ready().info;
  CHECK_EQUAL(info.runner, "stateful");
  if (info.reason.find("its first steps failed") == std::string::npos) throw tap::Mismatch(info.reason);
}

}  // namespace
