// What is computed, in which order, and what is answered, when nothing goes wrong.
#include "engine/rig.h"
#include "engine/scripted_runner.h"

using llm::FinishReason;
using llm::Token;
using Tokens = std::vector<Token>;
using Spans = std::vector<StepSpan>;

namespace {

// Makes the engine wait with its first step until every request of the test is there.
void hold_back(Rig& rig, Gate& gate) {
  rig.on_load = [&gate] { gate.pass(); };
}

std::vector<Spans> spans_of(const Plan& plan) {
  std::vector<Spans> all;
  for (const auto& step : plan.steps()) all.push_back(step.spans);
  return all;
}

}  // namespace

TEST("loop: the scripted runner's tokens come exactly as its script says") {
  EventLog log;
  llm::EngineConfig config;
  config.prefill_chunk = 2;
  llm::EngineLoop loop(
      config,
      [](auto&, auto&) {
        return std::make_unique<llm::ScriptedRunner>(llm::ScriptedRunner::Script{
            .tokens = {4, 7, 2, 9, 0}, .vocabulary = 10, .step = std::chrono::microseconds(0), .max_sequences = 2});
      },
      log.sink());
  CHECK_EQUAL(log.ready().info.runner, "scripted");
  loop.submit({{1}, {1, 1, 1}, length(7)});
  loop.submit({{2}, {5}, length(3)});
  CHECK_EQUAL(log.end_of(1).tokens, (Tokens{2, 9, 0, 4, 7, 2, 9}));
  CHECK_EQUAL(log.end_of(2).tokens, (Tokens{4, 7, 2}));
}

TEST("loop: a request alone is answered exactly") {
  Rig rig;
  rig.start();
  CHECK_EQUAL(rig.log.ready().info.model.vocabulary_size, 32);
  rig.submit(1, {3, 1, 4}, length(20));
  rig.check_whole(1);
  CHECK_EQUAL(rig.log.answers()[1].tokens.size(), size_t{20});
  rig.close();
}

TEST("loop: with room for one, requests are answered one after the other in the order they came") {
  Gate all_there;
  Rig rig;
  hold_back(rig, all_there);
  rig.start();
  for (int id = 1; id <= 6; ++id) rig.submit(id, {id, 2, 3}, length(8 - id));  // the later, the shorter
  all_there.open();
  for (int id = 1; id <= 6; ++id) rig.check_whole(id);
  CHECK_EQUAL(rig.log.ended(), (std::vector<llm::SequenceId>{1, 2, 3, 4, 5, 6}));
  CHECK_EQUAL(rig.plan.admissions(), (std::vector<llm::SequenceId>{1, 2, 3, 4, 5, 6}));
  for (const auto& step : rig.plan.steps()) CHECK_EQUAL(step.spans.size(), size_t{1});
  rig.close();
}

TEST("loop: who comes while others wait is answered after them") {
  std::map<int, Gate> reached, go;
  for (int number : {1, 2}) reached[number], go[number];
  Rig rig;
  rig.plan.on_step = [&](const Step& step) {
    if (!reached.contains(step.number)) return;
    reached[step.number].open();
    go[step.number].pass();
  };
  rig.start();
  rig.submit(1, {1}, length(4));
  reached[1].pass();
  rig.submit(2, {2});
  go[1].open();
  reached[2].pass();  // 2 was taken in and waits
  rig.submit(3, {3}, length(1));
  go[2].open();
  for (int id = 1; id <= 3; ++id) rig.check_whole(id);
  CHECK_EQUAL(rig.log.ended(), (std::vector<llm::SequenceId>{1, 2, 3}));
  rig.close();
}

TEST("loop: with room for three, the next in line joins as soon as one has ended") {
  Gate all_there;
  Rig rig;
  hold_back(rig, all_there);
  rig.plan.chunk = 6;
  rig.plan.max_sequences = 3;
  rig.start();
  const std::vector<int32_t> lengths{4, 2, 6, 3, 3};
  for (size_t i = 0; i < lengths.size(); ++i)
    rig.submit(static_cast<int>(i) + 1, {7, static_cast<Token>(i)}, length(lengths[i]));
  all_there.open();
  for (int id = 1; id <= 5; ++id) rig.check_whole(id);
  // One row: the sequences of a step. 2 ends after two steps, 1 after four, 4 after three more.
  const std::vector<std::vector<llm::SequenceId>> together{{1, 2, 3}, {1, 2, 3}, {1, 3, 4}, {1, 3, 4},
                                                           {3, 4, 5}, {3, 5},    {5}};
  std::vector<std::vector<llm::SequenceId>> found;
  for (const auto& spans : spans_of(rig.plan)) {
    auto& row = found.emplace_back();
    for (const auto& span : spans) row.push_back(span.sequence);
  }
  CHECK_EQUAL(found, together);
  rig.close();
}

TEST("loop: a prompt longer than prefill_chunk is computed in chunks, with logits for its last token alone") {
  Rig rig;
  rig.plan.chunk = 4;
  rig.start();
  rig.submit(1, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, length(3));
  rig.check_whole(1);
  CHECK((spans_of(rig.plan) ==
         std::vector<Spans>{{{1, 0, 4, 0}}, {{1, 4, 4, 0}}, {{1, 8, 2, 1}}, {{1, 10, 1, 1}}, {{1, 11, 1, 1}}}));
  rig.close();
}

TEST("loop: a prompt as long as prefill_chunk is one step, one token more is two") {
  Rig rig;
  rig.plan.chunk = 4;
  rig.start();
  rig.submit(1, {1, 2, 3, 4}, length(1));
  rig.check_whole(1);
  rig.submit(2, {1, 2, 3, 4, 5}, length(1));
  rig.check_whole(2);
  CHECK((spans_of(rig.plan) == std::vector<Spans>{{{1, 0, 4, 1}}, {{2, 0, 4, 0}}, {{2, 4, 1, 1}}}));
  rig.close();
}

TEST("loop: prefill and decode share a step") {
  Gate all_there;
  Rig rig;
  hold_back(rig, all_there);
  rig.plan.chunk = 2;
  rig.plan.max_sequences = 2;
  rig.start();
  rig.submit(1, {1}, length(4));
  rig.submit(2, {1, 2, 3, 4, 5}, length(2));
  all_there.open();
  rig.check_whole(1);
  rig.check_whole(2);
  // Two prompt tokens a step, whosoever they are.
  CHECK((spans_of(rig.plan) == std::vector<Spans>{{{1, 0, 1, 1}, {2, 0, 1, 0}},
                                                  {{1, 1, 1, 1}, {2, 1, 2, 0}},
                                                  {{1, 2, 1, 1}, {2, 3, 2, 1}},
                                                  {{1, 3, 1, 1}, {2, 5, 1, 1}}}));
  rig.close();
}

TEST("loop: what the runner has cached is not computed again, and is counted") {
  Rig rig;
  rig.plan.keeps_prefixes = true;
  rig.start();
  rig.submit(1, {1, 2, 3, 4, 5}, length(2));
  rig.check_whole(1);
  CHECK_EQUAL(rig.log.end_of(1).timings.cached_tokens, 0);
  rig.submit(2, {1, 2, 3, 9, 9, 9}, length(2));  // three of its tokens are there
  rig.check_whole(2);
  CHECK_EQUAL(rig.log.end_of(2).timings.cached_tokens, 3);
  rig.submit(3, {1, 2, 3, 9}, length(2));  // all but the last, whose logits are wanted
  rig.check_whole(3);
  CHECK_EQUAL(rig.log.end_of(3).timings.cached_tokens, 3);
  const auto spans = spans_of(rig.plan);
  CHECK_EQUAL(spans.size(), size_t{7});
  CHECK((spans[3] == Spans{{2, 3, 3, 1}}));
  CHECK((spans[5] == Spans{{3, 3, 1, 1}}));
  rig.close();
}

TEST("loop: a stop token ends the answer and is part of it") {
  Rig rig;
  rig.start();
  const Tokens whole = expected_answer({5, 6}, length(12), rig.plan);
  auto params = length(12);
  // The last is one that the answer never holds.
  params.stop_token_ids = {whole[4], static_cast<Token>(rig.plan.vocabulary)};
  rig.submit(1, {5, 6}, params);
  rig.check_whole(1, FinishReason::kStop);
  const auto answer = rig.log.end_of(1).tokens;
  CHECK(answer.size() <= 5);
  CHECK_EQUAL(answer.back(), whole[4]);
  rig.close();
}

TEST("loop: a stop token in the prompt does not stop; one as the last allowed token is a stop") {
  Rig rig;
  rig.start();
  const Tokens whole = expected_answer({5, 6}, length(1), rig.plan);
  auto params = length(1);
  params.stop_token_ids = {5, 6};
  rig.submit(1, {5, 6}, params);
  const bool repeats = whole[0] == 5 || whole[0] == 6;
  rig.check_whole(1, repeats ? FinishReason::kStop : FinishReason::kLength);
  params.stop_token_ids = {whole[0]};
  rig.submit(2, {5, 6}, params);
  rig.check_whole(2, FinishReason::kStop);
  rig.close();
}

TEST("loop: a sampled answer does not depend on its neighbours") {
  auto params = length(30);
  params.temperature = 2;
  params.top_p = 0.95;
  params.seed = 7;
  auto other = params;
  other.seed = 8;
  Rig rig;
  rig.plan.max_sequences = 3;
  rig.start();
  rig.submit(1, {1, 2}, params);
  rig.check_whole(1);
  rig.submit(2, {1, 2}, params);
  rig.submit(3, {1, 2}, other);
  rig.submit(4, {9}, other);
  for (int id = 2; id <= 4; ++id) rig.check_whole(id);
  CHECK_EQUAL(rig.log.end_of(2).tokens, rig.log.end_of(1).tokens);
  CHECK(rig.log.end_of(3).tokens != rig.log.end_of(1).tokens);
  rig.close();
}

TEST("loop: warm-up computes each size twice, with progress, and leaves nothing behind") {
  Rig rig;
  rig.plan.chunk = 16;
  rig.warmup = {16, 1, 3};
  rig.start();
  CHECK(rig.log.ready().warmup_ms >= 0);
  std::vector<std::string> stages;
  for (const auto& progress : rig.log.progress()) {
    stages.push_back(std::string(name_of(progress.stage)) + " " + std::to_string(progress.done) + "/" +
                     std::to_string(progress.total));
  }
  CHECK_EQUAL(stages, (std::vector<std::string>{"warmup 0/3", "warmup 1/3", "warmup 2/3", "warmup 3/3"}));
  CHECK((spans_of(rig.plan) ==
         std::vector<Spans>{
             {{0, 0, 16, 1}}, {{0, 0, 16, 1}}, {{0, 0, 1, 1}}, {{0, 0, 1, 1}}, {{0, 0, 3, 1}}, {{0, 0, 3, 1}}}));
  CHECK_EQUAL(rig.plan.resets(), 6);
  rig.submit(1, {0, 0, 0, 0}, length(4));  // the warm-up's own token
  rig.check_whole(1);
  CHECK_EQUAL(rig.log.end_of(1).timings.cached_tokens, 0);
  rig.close();
}

TEST("loop: timings are not negative, and empty for what never ran") {
  Gate all_there;
  Rig rig;
  hold_back(rig, all_there);
  rig.start();
  rig.submit(1, {1, 2, 3}, length(6));
  rig.submit(2, {1, 2, 3}, length(1));
  rig.submit(3, {1, 2, 3}, length(6));
  rig.loop().cancel(3);
  all_there.open();
  const auto first = rig.log.end_of(1).timings;
  const auto second = rig.log.end_of(2).timings;
  const auto third = rig.log.end_of(3).timings;
  for (const auto& timings : {first, second}) CHECK(timings.queued >= 0 && timings.prefill >= 0 && timings.decode >= 0);
  CHECK(second.queued > 0);  // it waited for the first
  CHECK(first.prefill > 0 && first.decode > 0);
  CHECK_EQUAL(second.decode, 0.0);  // one token: nothing follows the first
  CHECK(third.queued == 0 && third.prefill == 0 && third.decode == 0);
  rig.close();
}

TEST("loop: the runner is gone, on its own thread, when Closed comes") {
  Plan plan;
  std::thread::id engine_thread, destroyed_on;
  EventLog log;
  {
    llm::EngineLoop loop(
        llm::EngineConfig{},
        [&](auto&, auto&) {
          engine_thread = std::this_thread::get_id();
          return std::make_unique<CheckedRunner>(plan);
        },
        [&, sink = log.sink()](llm::Event event) {
          if (std::holds_alternative<llm::Closed>(event)) destroyed_on = plan.destroyed_on();
          sink(std::move(event));
        });
    log.ready();
  }
  CHECK(log.is_closed());
  CHECK(engine_thread != std::thread::id{} && engine_thread != std::this_thread::get_id());
  CHECK(destroyed_on == engine_thread);
}
