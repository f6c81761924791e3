// Non-finite logits: the runner is opened again with one property after the other, nothing that was answered is lost.
#include "engine/precision_fallback.h"

#include <cmath>
#include <limits>

#include "engine/rig.h"

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A device in f16 that has both properties of the usual ladder; its logits overflow unless `helps` is among what it was
// opened with. The rows before number `first_bad`, warm-up included, are sound nevertheless.
class Overflowing {
 public:
  Overflowing(Rig& rig, std::string helps, int first_bad = 1) : rig_(rig), helps_(std::move(helps)) {
    rig.precision_fallback = {"ACTIVATIONS_SCALE_FACTOR=8", "INFERENCE_PRECISION_HINT=f32"};
    rig.on_open = [this](const llm::EngineConfig& asked) {
      opened.push_back(asked.properties);
      rig_.plan.properties = {{"ACTIVATIONS_SCALE_FACTOR", "-1"}, {"INFERENCE_PRECISION_HINT", "f16"}};
      for (const auto& line : asked.properties) {
        const auto sign = line.find('=');
        rig_.plan.properties[line.substr(0, sign)] = line.substr(sign + 1);
      }
      if (opened.size() > 1) runners.push_back(asked.runner);
    };
    rig.plan.on_row = [this, first_bad](llm::SequenceId, std::span<float> row) {
      const auto& now = opened.back();
      if (++rows_ >= first_bad && std::find(now.begin(), now.end(), helps_) == now.end()) row[7] = bad;
    };
  }
  float bad = kNan;
  std::vector<std::vector<std::string>> opened;  // with which properties, in order
  std::vector<std::string> runners;              // asked for after the first time

 private:
  Rig& rig_;
  std::string helps_;
  int rows_ = 0;
};

const std::string kTrouble = "the model computed logits that are NaN or infinite";
const std::string kHelped = ", which helped: with that property in ovConfig it is compiled once";

}  // namespace

TEST("non-finite: the warm-up climbs to the first rung that helps, before the engine is ready") {
  for (const auto& [helps, opened] : std::vector<std::pair<std::string, size_t>>{{"ACTIVATIONS_SCALE_FACTOR=8", 2},
                                                                                 {"INFERENCE_PRECISION_HINT=f32", 3}}) {
    Rig rig;
    rig.properties = {"NUM_STREAMS=1"};
    rig.warmup = {2, 1};
    Overflowing device(rig, helps);
    rig.start();
    CHECK_EQUAL(rig.log.ready().info.properties.at(helps.substr(0, helps.find('='))),
                helps.substr(helps.find('=') + 1));
    CHECK_EQUAL(device.opened.size(), opened);
    CHECK_EQUAL(device.opened.front(), std::vector<std::string>{"NUM_STREAMS=1"});
    CHECK_EQUAL(device.opened.back(), std::vector<std::string>({"NUM_STREAMS=1", helps}));
    CHECK_EQUAL(device.runners, std::vector<std::string>(opened - 1, "checked"));
    CHECK_EQUAL(rig.log.warnings().size(), size_t{1});
    CHECK_EQUAL(rig.log.warnings().front(), kTrouble + "; it was compiled again with ACTIVATIONS_SCALE_FACTOR=8" +
                                                (opened == 3 ? ", then with INFERENCE_PRECISION_HINT=f32" : "") +
                                                kHelped);
    rig.submit(1, {1, 2, 3});
    rig.check_whole(1);
    rig.close();
  }
}

TEST("non-finite: the warm-up of a kept graph climbs behind Ready, and begins again") {
  Gate helped;
  Rig rig;
  rig.kept = true;
  rig.quiet = {};
  rig.warmup = {1, 2};
  Overflowing device(rig, "INFERENCE_PRECISION_HINT=f32", 2);
  rig.on_event = [&](const llm::Event& event) {
    if (std::holds_alternative<llm::Warning>(event)) helped.open();
  };
  Gate last;
  rig.plan.on_step = [&](const Step& step) {
    if (step.number == 7) last.open();
  };
  rig.start();
  CHECK_EQUAL(rig.log.ready().info.properties.at("INFERENCE_PRECISION_HINT"), "f16");
  helped.pass();
  last.pass();
  rig.submit(1, {1, 2, 3});
  rig.check_whole(1);
  CHECK_EQUAL(device.opened.size(), size_t{3});
  CHECK_EQUAL(rig.log.reopened().size(), size_t{2});
  CHECK_EQUAL(rig.log.warnings().size(), size_t{1});
  std::vector<size_t> sizes;
  for (const auto& step : rig.plan.steps()) {
    if (step.spans.front().sequence == 0) sizes.push_back(step.spans.front().count);
  }
  CHECK_EQUAL(sizes, (std::vector<size_t>{1, 2, 1, 1, 1, 2, 2}));
  rig.close();
}

TEST("non-finite: running and waiting requests are computed anew and answered exactly") {
  for (const float bad : {kNan, kInfinity}) {
    for (const bool lookup : {false, true}) {
      Gate all_there;
      Rig rig;
      rig.plan.max_sequences = 3;
      rig.plan.can_trim = rig.plan.can_fork = true;
      rig.plan.blocks = 40;
      rig.plan.chunk = 8;
      rig.warmup = {1};
      Overflowing device(rig, "INFERENCE_PRECISION_HINT=f32", 24);
      device.bad = bad;
      rig.on_load = [&] {
        if (device.opened.empty()) all_there.pass();
      };
      auto params = length(12);
      if (lookup) {
        params.lookup_ngram = 2;
        params.lookup_tokens = 4;
        // The answer repeats itself: there are right drafts when the logits overflow, and they are not in the answer.
        rig.plan.fill = [](std::span<const llm::Token> before, std::span<float> logits) {
          std::fill(logits.begin(), logits.end(), 0.0F);
          logits[(before.size() % 3) + 1] = 5.0F;
        };
      }
      rig.start();
      for (int id = 1; id <= 5; ++id) rig.submit(id, {id, 1, 2, 1, 2, 1, 2}, params);
      all_there.open();
      for (int id = 1; id <= 5; ++id) rig.check_whole(id);
      CHECK_EQUAL(device.opened.size(), size_t{3});
      CHECK_EQUAL(rig.log.reopened().size(), size_t{2});
      CHECK_EQUAL(rig.log.reopened().back().properties.at("INFERENCE_PRECISION_HINT"), "f32");
      CHECK_EQUAL(rig.log.warnings().size(), size_t{1});
      rig.close();
    }
  }
}

TEST("non-finite: rungs that the device does not have, has in effect, or that the model sets itself are left out") {
  const auto opened_with = [](const std::function<void(Rig&)>& change) {
    Rig rig;
    rig.warmup = {1};
    Overflowing device(rig, "nothing");
    const auto open = rig.on_open;
    rig.on_open = [&](const llm::EngineConfig& asked) {
      open(asked);
      change(rig);
    };
    rig.start();
    CHECK_EQUAL(rig.log.failed().code, llm::ERR_NON_FINITE);
    rig.close();
    std::vector<std::string> rungs;
    for (size_t i = 1; i < device.opened.size(); ++i) rungs.push_back(device.opened[i].back());
    return rungs;
  };
  const std::string scale = "ACTIVATIONS_SCALE_FACTOR=8", exact = "INFERENCE_PRECISION_HINT=f32";
  using Rungs = std::vector<std::string>;
  CHECK_EQUAL(opened_with([](Rig&) {}), Rungs({scale, exact}));
  CHECK_EQUAL(opened_with([](Rig& rig) { rig.plan.properties.erase("ACTIVATIONS_SCALE_FACTOR"); }), Rungs({exact}));
  CHECK_EQUAL(opened_with([](Rig& rig) { rig.plan.properties["INFERENCE_PRECISION_HINT"] = "f32"; }), Rungs({scale}));
  CHECK_EQUAL(opened_with([](Rig& rig) { rig.plan.rt_info["runtime_options/ACTIVATIONS_SCALE_FACTOR"] = "16"; }),
              Rungs({exact}));
  CHECK_EQUAL(opened_with([](Rig& rig) { rig.plan.properties.clear(); }), Rungs{});
}

TEST("non-finite: when nothing helps, the model does not load, and the error says what was tried") {
  Rig rig;
  rig.warmup = {1};
  Overflowing device(rig, "nothing");
  rig.start();
  CHECK_EQUAL(
      rig.log.failed().message,
      kTrouble + "; it was compiled again with ACTIVATIONS_SCALE_FACTOR=8, then with INFERENCE_PRECISION_HINT=f32");
  rig.submit(1, {1});
  rig.check_failed(1, llm::ERR_NON_FINITE, rig.log.failed().message);
  CHECK_EQUAL(rig.log.warnings(), std::vector<std::string>{});
  rig.close();
}

TEST("non-finite: without a rung the error names the precision") {
  Rig rig;
  rig.warmup = {1};
  Overflowing device(rig, "nothing");
  rig.precision_fallback.clear();
  rig.start();
  CHECK_EQUAL(rig.log.failed().message, kTrouble + " in f16; INFERENCE_PRECISION_HINT=f32 may help");
  rig.close();
}

TEST("non-finite: a request that no rung helps fails alone; the engine goes on where it is") {
  Gate all_there;
  Rig rig;
  rig.plan.max_sequences = 2;
  Overflowing device(rig, "nothing");
  rig.plan.on_row = [](llm::SequenceId id, std::span<float> row) {
    if (id == 1) row[0] = kNan;
  };
  rig.on_load = [&] {
    if (device.opened.empty()) all_there.pass();
  };
  rig.start();
  rig.submit(1, {1, 2});
  rig.submit(2, {3, 4});
  all_there.open();
  rig.check_failed(1, llm::ERR_NON_FINITE, kTrouble);
  rig.check_whole(2);
  CHECK_EQUAL(device.opened.size(), size_t{3});
  rig.submit(3, {5});
  rig.check_whole(3);
  CHECK_EQUAL(device.opened.size(), size_t{3});
  rig.close();
}

TEST("non-finite: a rung that cannot be opened is the end of the engine and the cause of every request's") {
  Rig rig;
  Overflowing device(rig, "INFERENCE_PRECISION_HINT=f32");
  const auto open = rig.on_open;
  rig.on_open = [&](const llm::EngineConfig& asked) {
    open(asked);
    if (device.opened.size() == 2) throw llm::Failure(llm::ERR_OUT_OF_MEMORY, "words");
  };
  rig.start();
  rig.submit(1, {1, 2});
  rig.check_failed(1, llm::ERR_OUT_OF_MEMORY, "words");
  CHECK_EQUAL(rig.log.failed().message, "words");
  rig.submit(2, {1, 2});
  rig.check_failed(2, llm::ERR_OUT_OF_MEMORY, "words");
  rig.close();
}

TEST("non-finite: a rung that cannot be opened during the warm-up is the cause that the model does not load") {
  for (const auto code : {llm::ERR_ENGINE, llm::ERR_OUT_OF_MEMORY}) {
    Rig rig;
    rig.warmup = {1};
    Overflowing device(rig, "INFERENCE_PRECISION_HINT=f32");
    const auto open = rig.on_open;
    rig.on_open = [&](const llm::EngineConfig& asked) {
      open(asked);
      if (device.opened.size() == 2) throw llm::Failure(code, "words");
    };
    rig.start();
    CHECK_EQUAL(rig.log.failed().message, "words");
    rig.submit(1, {1, 2});
    rig.check_failed(1, code, "words");
    CHECK_EQUAL(device.opened.size(), size_t{2});
    rig.close();
  }
}

TEST("non-finite: who no longer fits into the cache of the other precision fails, the others are answered") {
  Gate all_there;
  Rig rig;
  rig.plan.max_sequences = 2;
  rig.plan.blocks = 8;  // 32 tokens
  Overflowing device(rig, "ACTIVATIONS_SCALE_FACTOR=8");
  const auto open = rig.on_open;
  rig.on_open = [&](const llm::EngineConfig& asked) {
    if (device.opened.empty()) all_there.pass();
    open(asked);
    if (device.opened.size() == 2) rig.plan.blocks = 4;
  };
  rig.start();
  rig.submit(1, {1, 2}, length(20));
  rig.submit(2, {1, 2}, length(5));
  all_there.open();
  rig.check_failed(1, llm::ERR_CONTEXT_LENGTH, "prompt and answer may need 22 tokens; the KV cache holds 16");
  rig.check_whole(2);
  rig.close();
}
