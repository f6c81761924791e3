// A request that is cancelled while its prompt is computed in small chunks leaves nothing behind that is wrong,
// whatever kind of states the graph has.
#include <atomic>
#include <functional>
#include <limits>
#include <numeric>

#include "engine/event_log.h"
#include "engine/forwarding_runner.h"
#include "engine/loop.h"
#include "openvino/runtime.h"
#include "openvino/tiny_decoder.h"
#include "tap.h"

namespace {

using Value = ov::Output<ov::Node>;

// The sine of each token's sum with all tokens before it, which a state keeps as recurrent layers do: a token too much
// or too few changes it altogether.
Value with_sums(ov::Model& model, const Value& tokens) {
  const int64_t width = tokens.get_partial_shape()[2].get_length();
  const auto variable = std::make_shared<ov::op::util::Variable>(
      ov::op::util::VariableInfo{ov::PartialShape{-1, 1, width}, ov::element::f32, "sums"});
  const auto zero = ov::op::v0::Constant::create(ov::element::f32, {}, {0.0F});
  const auto batch =
      std::make_shared<ov::op::v8::Gather>(std::make_shared<ov::op::v3::ShapeOf>(tokens), integers({0}), integers({0}));
  const auto shape = std::make_shared<ov::op::v0::Concat>(ov::OutputVector{batch, integers({1, width})}, 0);
  const auto kept =
      std::make_shared<ov::op::v6::ReadValue>(std::make_shared<ov::op::v3::Broadcast>(zero, shape), variable);
  const auto state = std::make_shared<ov::op::v8::Gather>(kept, model.input("beam_idx"), integers({0}));
  const auto axis = ov::op::v0::Constant::create(ov::element::i64, {}, {1});
  const auto sums = std::make_shared<ov::op::v1::Add>(std::make_shared<ov::op::v0::CumSum>(tokens, axis), state);
  const auto last = std::make_shared<ov::op::v8::Slice>(
      sums, integers({-1}), integers({std::numeric_limits<int>::max()}), integers({1}), integers({1}));
  model.add_variables({variable});
  model.add_sinks({std::make_shared<ov::op::v6::Assign>(last, variable)});
  return std::make_shared<ov::op::v0::Sin>(sums);
}

void make_hybrid(ov::Model& model) {
  const auto head = head_of(model);
  head->input(0).replace_source_output(with_sums(model, head->input_value(0)));
}

// Embeddings, sums, head.
void make_recurrent(ov::Model& model) {
  const auto head = head_of(model);
  Value embeddings;
  for (const auto& op : model.get_ordered_ops()) {
    const auto& shape = op->get_output_partial_shape(0);
    const bool is_first = !embeddings.get_node() && ov::is_type<ov::op::util::GatherBase>(op);
    if (is_first && shape.rank() == 3 && op->get_element_type() == ov::element::f32) embeddings = op->output(0);
  }
  const auto sinks = model.get_sinks();
  const auto variables = model.get_variables();
  head->input(0).replace_source_output(with_sums(model, embeddings));
  for (const auto& sink : sinks) model.remove_sink(sink);
  for (const auto& variable : variables) model.remove_variable(variable);
}

// Calls `hook` when a step has begun.
class WatchedRunner : public llm::ForwardingRunner {
 public:
  WatchedRunner(std::unique_ptr<llm::Runner> runner, std::function<void(std::span<const llm::Span>)> hook)
      : runner_(std::move(runner)), hook_(std::move(hook)) {}
  void start(std::span<const llm::Span> spans) override {
    runner_->start(spans);
    hook_(spans);
  }

 protected:
  llm::Runner& inner() const override { return *runner_; }

 private:
  std::unique_ptr<llm::Runner> runner_;
  std::function<void(std::span<const llm::Span>)> hook_;
};

llm::EngineConfig config_for(const CraftedModel& model) {
  llm::EngineConfig config;
  config.runner = "stateful";
  config.model_path = model.xml();
  config.device = cpu_device();
  config.properties = {"INFERENCE_PRECISION_HINT=f32", "KV_CACHE_PRECISION=f32"};
  config.gather_rows = true;
  config.context_length = 256;
  config.prefill_chunk = config.stateful_chunk = 4;
  config.max_sequences = 2;
  config.kv_tokens = 512;
  config.kv_bytes = std::numeric_limits<double>::infinity();
  config.cpu_kernel = "openvino";
  return config;
}

std::vector<llm::Token> prompt() {
  std::vector<llm::Token> tokens(45);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<llm::Token>((7 * i * i + 3) % 500);
  return tokens;
}

std::vector<llm::Token> joined(std::vector<llm::Token> tokens, const std::vector<llm::Token>& more) {
  tokens.insert(tokens.end(), more.begin(), more.end());
  tokens.push_back(11);
  return tokens;
}

// Cancels request 1 in the step that brings its prompt to `border` tokens; then come the same prompt and a second turn.
void check_cancelled(const std::function<void(ov::Model&)>& change, size_t states) {
  const CraftedModel model(change);
  CHECK_EQUAL(llm::core().read_model(std::filesystem::path(model.xml()))->get_variables().size(), states);
  const auto config = config_for(model);
  llm::RequestParams params;
  params.max_new_tokens = 8;
  std::vector<std::vector<llm::Token>> expected;
  for (const size_t border : {size_t{0}, size_t{4}, size_t{24}, size_t{44}}) {
    std::atomic<size_t> computed = 0;  // of request 1
    llm::EngineLoop* engine = nullptr;
    Gate made;
    EventLog log;
    const auto factory = [&](const llm::EngineConfig& asked, const llm::EventSink& post) {
      made.pass();
      auto runner = llm::open_runner(asked, post);
      CHECK_EQUAL(runner->info().runner, "stateful");
      return std::make_unique<WatchedRunner>(std::move(runner), [&](std::span<const llm::Span> spans) {
        for (const auto& span : spans) {
          if (span.sequence != 1) continue;
          computed = span.position + span.tokens.size();
          if (computed == border) engine->cancel(1);  // heeded after this step
        }
      });
    };
    llm::EngineLoop loop(config, factory, log.sink());
    engine = &loop;
    made.open();
    log.ready();
    if (border > 0) {
      loop.submit({{1}, prompt(), params});
      const auto cancelled = log.end_of(1);
      CHECK(cancelled.reason == llm::FinishReason::kCancelled);
      CHECK(cancelled.tokens.empty());
      CHECK_EQUAL(computed.load(), border);
    }
    loop.submit({{2}, prompt(), params});
    const auto first = log.end_of(2).tokens;
    loop.submit({{3}, joined(prompt(), first), params});
    const auto second = log.end_of(3).tokens;
    CHECK_EQUAL(first.size(), size_t{8});
    if (border == 0) expected = {first, second};
    CHECK(first == expected.at(0));
    CHECK(second == expected.at(1));
    loop.stop();
    log.wait_closed();
  }
}

TEST("cancelled prefill: attention") {
  check_cancelled([](ov::Model&) {}, 4);
}
TEST("cancelled prefill: attention and a recurrence") { check_cancelled(make_hybrid, 5); }
TEST("cancelled prefill: a recurrence") { check_cancelled(make_recurrent, 1); }

}  // namespace
