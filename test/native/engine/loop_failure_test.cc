// What throws, and what must not be computed or answered.
#include <cmath>
#include <limits>

#include "engine/rig.h"

namespace {

// Steps of these numbers throw "step N".
void throw_at(Plan& plan, std::set<int> numbers) {
  plan.on_step = [numbers = std::move(numbers)](const Step& step) {
    if (numbers.contains(step.number)) throw llm::Failure(llm::ERR_ENGINE, "step " + std::to_string(step.number));
  };
}

// Lets the first step wait until all of the test's requests are there.
void hold_back(Rig& rig, Gate& gate) {
  rig.on_load = [&gate] { gate.pass(); };
}

}  // namespace

TEST("failure: a model that does not load is the engine's failure once and the cause of every request's") {
  Gate go;
  Rig rig;
  rig.on_load = [&] {
    go.pass();
    throw llm::Failure(llm::ERR_MODEL_INVALID, "model.xml: empty");
  };
  rig.start();
  rig.submit(1, {1, 2});
  go.open();
  CHECK_EQUAL(rig.log.failed().code, llm::ERR_MODEL_INVALID);
  CHECK_EQUAL(rig.log.failed().message, "model.xml: empty");
  rig.check_failed(1, llm::ERR_MODEL_INVALID, "model.xml: empty");
  rig.submit(2, {1, 2});
  rig.check_failed(2, llm::ERR_MODEL_INVALID, "model.xml: empty");
  rig.loop().cancel(2);
  rig.loop().cancel(3);
  rig.submit(4, {});
  rig.check_failed(4, llm::ERR_MODEL_INVALID, "model.xml: empty");
  rig.loop().stop();
  rig.log.wait_closed();
  CHECK(!rig.log.has_ready());
  rig.close();
}

TEST("failure: what a factory throws becomes a code") {
  const std::vector<std::pair<std::function<void()>, llm::ErrorCode>> cases{
      {[] { throw std::bad_alloc(); }, llm::ERR_OUT_OF_MEMORY},
      {[] { throw std::runtime_error("words"); }, llm::ERR_ENGINE},
      {[] { throw 5; }, llm::ERR_ENGINE},
      {[] { throw llm::Failure(llm::ERR_DEVICE, "words"); }, llm::ERR_DEVICE},
  };
  for (const auto& [body, code] : cases) {
    Rig rig;
    rig.on_load = body;
    rig.start();
    CHECK_EQUAL(rig.log.failed().code, code);
    rig.close();
  }
}

TEST("failure: a warm-up that throws is a model that does not load") {
  Rig rig;
  rig.warmup = {3, 2, 1};
  throw_at(rig.plan, {2});
  rig.start();
  CHECK_EQUAL(rig.log.failed().message, "step 2");
  CHECK_EQUAL(rig.plan.steps().size(), size_t{2});
  rig.submit(1, {1});
  rig.check_failed(1, llm::ERR_ENGINE, "step 2");
  rig.close();
  CHECK(!rig.log.has_ready());
}

// As a paged graph whose first steps fail: what is opened says what was asked for, or "paged" where that is left open.
void page_in_vain(Rig& rig, const std::string& asked) {
  rig.runner = asked;
  rig.warmup = {2};
  rig.on_open = [&rig](const llm::EngineConfig& config) {
    rig.plan.runner = config.runner == "auto" ? "paged" : config.runner;
  };
  throw_at(rig.plan, {1});
}

TEST("failure: a paged runner whose first steps fail makes room for the stateful one, where that may be chosen") {
  Rig rig;
  page_in_vain(rig, "auto");
  rig.start();
  const auto info = rig.log.ready().info;
  CHECK_EQUAL(info.runner, "stateful");
  CHECK_EQUAL(info.reason, "the model cannot be paged: its first steps failed: step 1");
  rig.submit(1, {1, 2});
  rig.check_whole(1);
  rig.close();
}

TEST("failure: a paged runner that was asked for and fails in its first steps is an error that says so") {
  Rig rig;
  page_in_vain(rig, "paged");
  rig.start();
  const auto failed = rig.log.failed();
  CHECK_EQUAL(failed.code, llm::ERR_UNSUPPORTED_MODEL);
  CHECK(failed.message.find("its first steps failed: step 1") != std::string::npos);
  rig.close();
}

TEST("failure: a stateful runner whose first steps fail is a model that does not load") {
  Rig rig;
  page_in_vain(rig, "stateful");
  rig.start();
  CHECK_EQUAL(rig.log.failed().code, llm::ERR_ENGINE);
  rig.close();
}

TEST("failure: a step that throws fails its sequences; the others are answered exactly, with a new cache") {
  Gate all_there;
  Rig rig;
  hold_back(rig, all_there);
  rig.plan.max_sequences = 2;
  throw_at(rig.plan, {3});
  rig.start();
  for (int id = 1; id <= 4; ++id) rig.submit(id, {id, 8, 9}, length(6));
  all_there.open();
  rig.check_failed(1, llm::ERR_ENGINE, "step 3");
  rig.check_failed(2, llm::ERR_ENGINE, "step 3");
  rig.check_whole(3);
  rig.check_whole(4);
  CHECK_EQUAL(rig.log.answers()[1].tokens.size(), size_t{2});  // what came before stays
  CHECK_EQUAL(rig.plan.resets(), 1);
  CHECK(!rig.log.has_failed());
  rig.close();
}

TEST("failure: what a step throws becomes a code") {
  Gate all_there;
  Rig rig;
  hold_back(rig, all_there);
  rig.plan.on_step = [](const Step& step) {
    if (step.number == 1) throw std::bad_alloc();
    if (step.number == 3) throw std::runtime_error("words");
  };
  rig.start();
  rig.submit(1, {1});
  rig.submit(2, {1}, length(1));
  rig.submit(3, {1});
  all_there.open();
  rig.check_failed(1, llm::ERR_OUT_OF_MEMORY, "out of memory");
  rig.check_whole(2);
  rig.check_failed(3, llm::ERR_ENGINE, "words");
  rig.close();
}

TEST("failure: two steps that throw, with a sound one between them, are not the end") {
  Gate all_there;
  Rig rig;
  hold_back(rig, all_there);
  throw_at(rig.plan, {2, 4});
  rig.start();
  for (int id = 1; id <= 3; ++id) rig.submit(id, {id}, length(3));
  all_there.open();
  rig.check_failed(1, llm::ERR_ENGINE, "step 2");
  rig.check_failed(2, llm::ERR_ENGINE, "step 4");
  rig.check_whole(3);
  rig.close();
}

TEST("failure: two in a row and the engine is dead; it says so, and all requests fail with the first cause") {
  Gate all_there;
  Rig rig;
  hold_back(rig, all_there);
  throw_at(rig.plan, {2, 3});
  rig.start();
  for (int id = 1; id <= 4; ++id) rig.submit(id, {id}, length(3));
  all_there.open();
  CHECK_EQUAL(rig.log.failed().message, "step 2");
  rig.check_failed(1, llm::ERR_ENGINE, "step 2");
  rig.check_failed(2, llm::ERR_ENGINE, "step 2");
  rig.check_failed(3, llm::ERR_ENGINE, "step 2");
  rig.check_failed(4, llm::ERR_ENGINE, "step 2");
  rig.submit(5, {5});
  rig.check_failed(5, llm::ERR_ENGINE, "step 2");
  rig.loop().cancel(5);
  rig.loop().cancel(6);
  rig.submit(7, {5});
  rig.check_failed(7, llm::ERR_ENGINE, "step 2");
  CHECK_EQUAL(rig.plan.steps().size(), size_t{3});
  CHECK(rig.plan.destroyed_on() != std::thread::id());  // a dead engine holds no memory
  const auto metrics = rig.loop().metrics();
  CHECK_EQUAL(metrics.running + metrics.waiting, 0);
  rig.loop().stop();
  rig.log.wait_closed();
  rig.close();
}

TEST("failure: who hears that the engine is dead and stops it still sees its requests fail with the cause") {
  Gate all_there;
  Rig rig;
  hold_back(rig, all_there);
  throw_at(rig.plan, {1, 2});
  rig.on_event = [&rig](const llm::Event& event) {
    const auto* failed = std::get_if<llm::Failed>(&event);
    if (!failed || failed->id != 0) return;
    rig.submit(5, {5});
    rig.loop().stop();
  };
  rig.start();
  for (int id = 1; id <= 4; ++id) rig.submit(id, {id}, length(3));
  all_there.open();
  rig.log.wait_closed();
  for (int id = 1; id <= 5; ++id) rig.check_failed(id, llm::ERR_ENGINE, "step 1");
  CHECK_EQUAL(rig.plan.interrupts(), 0);
  rig.close();
}

TEST("failure: a cache that cannot be made anew is the end, with the step's cause") {
  Gate all_there;
  Rig rig;
  hold_back(rig, all_there);
  throw_at(rig.plan, {2});
  rig.plan.on_reset = [] { throw std::runtime_error("reset"); };
  std::vector<llm::SequenceId> failed;  // on the engine's thread until it is closed
  rig.on_event = [&failed](const llm::Event& event) {
    if (const auto* each = std::get_if<llm::Failed>(&event)) failed.push_back(each->id);
  };
  rig.start();
  rig.submit(1, {1}, length(3));
  rig.submit(2, {2}, length(3));
  all_there.open();
  rig.check_failed(1, llm::ERR_ENGINE, "step 2");
  rig.check_failed(2, llm::ERR_ENGINE, "step 2");
  rig.submit(3, {3});
  rig.check_failed(3, llm::ERR_ENGINE, "step 2");
  CHECK_EQUAL(rig.log.failed().message, "step 2");
  rig.close();
  // The engine's end comes first: who hears of a failed request asks another engine.
  CHECK_EQUAL(failed.front(), llm::SequenceId{0});
}

TEST("failure: an admission that throws fails its step; the others are answered exactly") {
  Gate all_there;
  Rig rig;
  hold_back(rig, all_there);
  rig.plan.on_admit = [](llm::SequenceId id) {
    if (id == 2) throw std::runtime_error("no room");
  };
  rig.start();
  for (int id = 1; id <= 3; ++id) rig.submit(id, {id, 1}, length(4));
  all_there.open();
  rig.check_whole(1);
  rig.check_failed(2, llm::ERR_ENGINE, "no room");
  rig.check_whole(3);
  rig.close();
}

TEST("failure: a fork that throws after an answer of the same step has ended fails all answers of its prompt") {
  Gate all_there;
  Rig rig;
  hold_back(rig, all_there);
  rig.plan.chunk = 16;
  rig.plan.can_trim = rig.plan.can_fork = true;
  rig.plan.blocks = 64;
  bool thrown = false;
  rig.plan.max_sequences = 2;  // so that the last request is not in the step that fails
  rig.plan.on_fork = [&](llm::SequenceId) {
    if (!std::exchange(thrown, true)) throw std::runtime_error("no fork");
  };
  rig.start();
  rig.submit(1, {1, 2, 3}, length(1));  // ends in the step that computes the other prompt
  rig.submit_all({2, 3, 4}, {7, 8, 9}, length(4));
  rig.submit(5, {4, 5}, length(2));
  all_there.open();
  rig.check_whole(1);
  for (int id : {2, 3, 4}) rig.check_failed(id, llm::ERR_ENGINE, "no fork");
  rig.check_whole(5);
  CHECK(thrown);
  CHECK_EQUAL(rig.plan.resets(), 1);
  rig.close();
}

TEST("failure: ids outside the vocabulary and empty prompts never reach the runner; others go on") {
  Rig rig;
  rig.start();
  const auto top = static_cast<llm::Token>(rig.plan.vocabulary) - 1;
  const std::string message = "a prompt must hold at least one token id and only ids from 0 to " + std::to_string(top);
  const std::vector<std::vector<llm::Token>> bad{{},
                                                 {-1},
                                                 {top + 1},
                                                 {1, 2, top + 1},
                                                 {top + 1, 1},
                                                 {1, std::numeric_limits<llm::Token>::min()},
                                                 {std::numeric_limits<llm::Token>::max()}};
  for (size_t i = 0; i < bad.size(); ++i) rig.submit(static_cast<int>(i) + 1, bad[i]);
  rig.submit(50, {0, top});
  rig.check_whole(50);
  for (size_t i = 0; i < bad.size(); ++i) rig.check_failed(static_cast<int>(i) + 1, llm::ERR_TOKEN_ID, message);
  CHECK_EQUAL(rig.plan.admissions(), (std::vector<llm::SequenceId>{50}));
  rig.close();
}

TEST("failure: NaN or infinite logits fail that request alone") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float bad : {std::nanf(""), kInfinity}) {
    for (const double temperature : {0.0, 1.0}) {
      Gate all_there;
      Rig rig;
      hold_back(rig, all_there);
      rig.plan.max_sequences = 3;
      int rows = 0;
      rig.plan.on_row = [&](llm::SequenceId id, std::span<float> row) {
        if (id == 2 && ++rows == 3) row[5] = bad;
      };
      auto params = length(8);
      params.temperature = temperature;
      rig.start();
      for (int id = 1; id <= 4; ++id) rig.submit(id, {id, 1}, params);
      all_there.open();
      rig.check_failed(2, llm::ERR_NON_FINITE, "the model computed logits that are NaN or infinite");
      CHECK_EQUAL(rig.log.answers()[2].tokens.size(), size_t{2});
      for (int id : {1, 3, 4}) rig.check_whole(id);
      CHECK_EQUAL(rig.plan.resets(), 0);
      rig.close();
    }
  }
}

TEST("failure: a token that the embedding table does not have is never answered nor computed with") {
  Gate all_there;
  Rig rig;
  hold_back(rig, all_there);
  rig.plan.max_sequences = 2;
  rig.plan.extra_columns = 3;
  int rows = 0;
  rig.plan.on_row = [&](llm::SequenceId id, std::span<float> row) {
    if (id == 1 && ++rows == 3) row[32] = 99;  // the first column past the vocabulary
  };
  rig.start();
  rig.submit(1, {1, 2});
  rig.submit(2, {1, 2});
  all_there.open();
  rig.check_failed(1, llm::ERR_TOKEN_ID, "the model chose token 32, but its embedding table ends at 31");
  CHECK_EQUAL(rig.log.answers()[1].tokens.size(), size_t{2});
  rig.check_whole(2);
  rig.close();
}
