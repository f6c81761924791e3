// The warm-up of a kept graph goes on behind Ready, and stands in nobody's way.
#include <atomic>

#include "engine/rig.h"

using Spans = std::vector<StepSpan>;

namespace {

std::vector<Spans> spans_of(const Plan& plan) {
  std::vector<Spans> all;
  for (const auto& step : plan.steps()) all.push_back(step.spans);
  return all;
}

// The step of the warm-up with so many tokens.
Spans size(size_t tokens) { return {{0, 0, tokens, 1}}; }

// A start with a kept graph. `quiet` none: nothing keeps the warm-up from going on at once.
void keep(Rig& rig, std::vector<int32_t> warmup, llm::Clock::duration quiet = {}) {
  rig.kept = true;
  rig.plan.chunk = 16;
  rig.warmup = std::move(warmup);
  rig.quiet = quiet;
}
constexpr std::chrono::hours kForever{24};

// Lets the step of this number wait, and tells when it runs.
struct HeldStep {
  HeldStep(Rig& rig, int number) {
    rig.plan.on_step = [this, number](const Step& step) {
      if (step.number != number) return;
      runs.open();
      go.pass();
    };
  }
  Gate runs, go;
};

// Opens with the first warning.
void tell_warning(Rig& rig, Gate& warned) {
  rig.on_event = [&warned](const llm::Event& event) {
    if (std::holds_alternative<llm::Warning>(event)) warned.open();
  };
}

}  // namespace

TEST("warm-up: of a kept graph the first size is computed before Ready, and the others behind it") {
  for (const auto& [sizes, before, all] : std::vector<std::tuple<std::vector<int32_t>, size_t, std::vector<Spans>>>{
           // The runner says that it has computed a token already: one step more shows what it costs.
           {{1, 4, 16}, 1, {size(1), size(4), size(4), size(16), size(16)}},
           {{4, 1}, 2, {size(4), size(4), size(1), size(1)}}}) {
    Gate last;
    Rig rig;
    keep(rig, sizes);
    std::atomic<size_t> at_ready = 0;
    rig.on_event = [&](const llm::Event& event) {
      if (std::holds_alternative<llm::Ready>(event)) at_ready = rig.plan.steps().size();
    };
    rig.plan.on_step = [&, count = static_cast<int>(all.size())](const Step& step) {
      if (step.number == count) last.open();
    };
    rig.start();
    last.pass();
    rig.submit(1, {0, 0, 0, 0}, length(1));  // the warm-up's own token
    rig.check_whole(1);
    CHECK_EQUAL(rig.log.end_of(1).timings.cached_tokens, 0);
    CHECK_EQUAL(at_ready.load(), before);
    auto expected = all;
    expected.push_back({{1, 0, 4, 1}});
    CHECK(spans_of(rig.plan) == expected);
    CHECK_EQUAL(rig.plan.resets(), static_cast<int>(all.size()));
    std::vector<std::string> stages;
    for (const auto& progress : rig.log.progress()) {
      stages.push_back(std::to_string(progress.done) + "/" + std::to_string(progress.total));
    }
    CHECK_EQUAL(stages, (std::vector<std::string>{"0/1", "1/1"}));
    rig.close();
  }
}

TEST("warm-up: of a kept graph without sizes nothing is computed") {
  Rig rig;
  keep(rig, {});
  rig.start();
  rig.submit(1, {1, 2}, length(1));
  rig.check_whole(1);
  CHECK_EQUAL(rig.plan.steps().size(), size_t{1});
  rig.close();
}

TEST("warm-up: who asks at once is computed at once, and nothing of the warm-up after it") {
  Rig rig;
  keep(rig, {1, 4}, kForever);
  rig.start();
  rig.log.ready();
  rig.submit(1, {1, 2, 3}, length(1));
  rig.check_whole(1);
  CHECK((spans_of(rig.plan) == std::vector<Spans>{size(1), {{1, 0, 3, 1}}}));
  rig.close();
}

TEST("warm-up: a request that comes meanwhile waits for one step, and the cache that it fills stays") {
  Rig rig;
  HeldStep second(rig, 2);
  keep(rig, {1, 4, 16});
  rig.plan.blocks = 8;
  rig.start();
  second.runs.pass();
  CHECK(rig.log.has_ready());
  rig.submit(1, {1, 2, 3, 4, 5, 6}, length(1));
  second.go.open();
  rig.check_whole(1);
  rig.submit(2, {1, 2, 3, 4, 5, 7}, length(1));
  rig.check_whole(2);
  CHECK_EQUAL(rig.log.end_of(2).timings.cached_tokens, 5);
  CHECK((spans_of(rig.plan) == std::vector<Spans>{size(1), size(4), {{1, 0, 6, 1}}, {{2, 5, 1, 1}}}));
  rig.close();
}

TEST("warm-up: it does not begin while a grammar is compiled") {
  Gate sent, compiled;
  ScriptedGrammars scripted;
  scripted.on_compile = [&](auto&) { compiled.pass(); };
  Rig rig;
  keep(rig, {1, 4});
  rig.grammars = scripted.compilers();
  rig.on_load = [&] { sent.pass(); };
  rig.start();
  auto params = length(1);
  params.grammar = {"regex", "5"};
  rig.loop().submit({{1}, {1, 2}, params});
  sent.open();
  rig.log.ready();
  for (int id = 2; id < 30; ++id) {  // the loop takes its mail, again and again
    rig.loop().submit({{id}, {}, length(1)});
    CHECK_EQUAL(rig.log.end_of(id).code, "ERR_TOKEN_ID");
  }
  CHECK_EQUAL(rig.plan.steps().size(), size_t{1});
  compiled.open();
  CHECK_EQUAL(rig.log.end_of(1).tokens, std::vector<llm::Token>{5});
  CHECK((spans_of(rig.plan) == std::vector<Spans>{size(1), {{1, 0, 2, 1}}}));
}

TEST("warm-up: closing interrupts its step behind Ready, and does not wait for the quiet before it") {
  Gate runs;
  Rig rig;
  keep(rig, {1, 4});
  rig.plan.on_step = [&](const Step& step) {
    if (step.number != 2) return;
    runs.open();
    rig.plan.block_until_interrupted();
  };
  rig.start();
  runs.pass();
  rig.close();
  CHECK_EQUAL(rig.plan.interrupts(), 1);
  CHECK_EQUAL(rig.plan.steps().size(), size_t{2});

  Rig quiet;
  keep(quiet, {1, 4}, kForever);
  quiet.start();
  quiet.log.ready();
  quiet.close();
  CHECK_EQUAL(quiet.plan.steps().size(), size_t{1});
}

TEST("warm-up: a step that fails behind Ready is a warning, and the next failure the end") {
  for (const bool again : {false, true}) {
    Gate warned;
    Rig rig;
    keep(rig, {1, 4, 16});
    tell_warning(rig, warned);
    rig.plan.on_step = [again](const Step& step) {
      if (step.number == 2 || (again && step.number == 3)) {
        throw llm::Failure(llm::ERR_ENGINE, "step " + std::to_string(step.number));
      }
    };
    rig.start();
    warned.pass();
    rig.submit(1, {1, 2, 3}, length(2));
    if (again) {
      rig.check_failed(1, llm::ERR_ENGINE, "step 2");
      CHECK_EQUAL(rig.log.failed().message, "step 2");
    } else {
      rig.check_whole(1);
      CHECK(!rig.log.has_failed());
    }
    CHECK_EQUAL(rig.log.warnings(),
                std::vector<std::string>{": a step of the warm-up failed, and the others are left out: step 2"});
    CHECK_EQUAL(spans_of(rig.plan).at(2).front().sequence, llm::SequenceId{1});
    rig.close();
  }
}
