// Many sequences at once: several answers of one prompt, priorities, a KV cache that is too small, drafts.
#include <random>

#include "engine/rig.h"

using llm::FinishReason;
using llm::Token;
using Tokens = std::vector<Token>;

namespace {

void hold_back(Rig& rig, Gate& gate) {
  rig.on_load = [&gate] { gate.pass(); };
}

llm::RequestParams sampled(int32_t max_new_tokens, uint32_t seed) {
  auto params = length(max_new_tokens);
  params.temperature = 1.5;
  params.seed = seed;
  return params;
}

llm::RequestParams looking_up(llm::RequestParams params) {
  params.lookup_ngram = 2;
  params.lookup_tokens = 3;
  return params;
}

// Rows of logits that do not depend on the history: the answer repeats itself, so that drafts are right.
void repeat_every(Rig& rig, size_t period) {
  rig.plan.fill = [period](std::span<const Token> before, std::span<float> logits) {
    std::fill(logits.begin(), logits.end(), 0.0F);
    logits[(before.size() % period) + 1] = 5.0F;
  };
}

}  // namespace

TEST("batch: the answers of one prompt are those of requests of their own, and the prompt is computed once") {
  Rig rig;
  rig.plan.max_sequences = 4;
  rig.plan.can_trim = rig.plan.can_fork = true;
  rig.plan.blocks = 64;
  rig.start();
  rig.submit_all({1, 2, 3}, {5, 6, 7, 8}, sampled(9, 41));
  for (int id : {1, 2, 3}) rig.check_whole(id);
  CHECK_EQUAL(rig.plan.admissions(), (std::vector<llm::SequenceId>{1}));
  CHECK(rig.log.answers()[1].tokens != rig.log.answers()[2].tokens);
  rig.close();
}

TEST("batch: more answers than places, and a runner that cannot fork") {
  for (bool can_fork : {true, false}) {
    Rig rig;
    rig.plan.max_sequences = can_fork ? 2 : 1;
    rig.plan.can_fork = can_fork;
    rig.plan.blocks = can_fork ? 64 : 0;
    rig.start();
    rig.submit_all({1, 2, 3, 4, 5}, {5, 6, 7, 8, 9}, sampled(7, 3));
    for (int id = 1; id <= 5; ++id) rig.check_whole(id);
    rig.close();
  }
}

TEST("batch: cancelling the answer that computes the prompt leaves the others") {
  Gate reached, go;
  Rig rig;
  rig.plan.max_sequences = 3;
  rig.plan.can_trim = rig.plan.can_fork = true;
  rig.plan.blocks = 64;
  rig.plan.on_step = [&](const Step& step) {
    if (step.number != 1) return;
    reached.open();
    go.pass();
  };
  rig.start();
  rig.submit_all({1, 2, 3}, {1, 2, 3, 4, 5, 6, 7}, sampled(5, 9));  // two chunks
  reached.pass();
  rig.loop().cancel(1);
  rig.loop().cancel(3);
  go.open();
  rig.check_cancelled(1, 0);
  rig.check_cancelled(3, 0);
  rig.check_whole(2);
  rig.close();
}

TEST("batch: a step that fails while the prompt is computed fails all its answers") {
  Rig rig;
  rig.plan.can_trim = rig.plan.can_fork = true;
  rig.plan.on_step = [&](const Step& step) {
    if (step.number == 1) throw llm::Failure(llm::ERR_ENGINE, "broken");
  };
  rig.start();
  rig.submit_all({1, 2}, {1, 2, 3}, sampled(5, 9));
  rig.check_failed(1, llm::ERR_ENGINE, "broken");
  rig.check_failed(2, llm::ERR_ENGINE, "broken");
  rig.close();
}

TEST("batch: a higher priority goes first, and among equals who came first") {
  Gate all_there;
  Rig rig;
  hold_back(rig, all_there);
  rig.start();
  const std::vector<double> priorities{0, 1, 0, 2, 1};
  for (size_t i = 0; i < priorities.size(); ++i) {
    auto params = length(2);
    params.priority = priorities[i];
    rig.submit(static_cast<int>(i) + 1, {1}, params);
  }
  all_there.open();
  for (int id = 1; id <= 5; ++id) rig.check_whole(id);
  CHECK_EQUAL(rig.log.ended(), (std::vector<llm::SequenceId>{4, 2, 5, 1, 3}));
  rig.close();
}

TEST("batch: when the cache is full the last gives way, and every answer is what it would be alone") {
  for (bool lookup : {false, true}) {
    Gate all_there;
    Rig rig;
    hold_back(rig, all_there);
    rig.plan.chunk = 8;
    rig.plan.max_sequences = 6;
    rig.plan.can_trim = rig.plan.can_fork = true;
    rig.plan.blocks = 9;  // of 4 tokens: room for one of 35 tokens, not for two
    rig.start();
    for (int id = 1; id <= 6; ++id) {
      auto params = sampled(25, static_cast<uint32_t>(id));
      rig.submit(id, {static_cast<Token>(id), 2, 3, 4, 5, 6, 7, 8, 9, 10}, lookup ? looking_up(params) : params);
    }
    all_there.open();
    for (int id = 1; id <= 6; ++id) rig.check_whole(id);
    CHECK(rig.loop().metrics().preemptions > 0);
    CHECK_EQUAL(rig.log.ended().front(), 1);  // the first in rank is never preempted
    rig.close();
  }
}

TEST("batch: what can never fit fails before it runs") {
  Rig rig;
  rig.plan.blocks = 2;
  rig.start();
  rig.submit(1, {1, 2, 3, 4}, length(5));
  rig.check_failed(1, llm::ERR_CONTEXT_LENGTH, "prompt and answer may need 9 tokens; the KV cache holds 8");
  rig.submit(2, {1, 2, 3, 4}, length(4));
  rig.check_whole(2);
  CHECK_EQUAL(rig.plan.admissions(), (std::vector<llm::SequenceId>{2}));
  rig.close();
}

TEST("batch: requests with the same beginning that come together compute it once") {
  Gate all_there;
  Rig rig;
  hold_back(rig, all_there);
  rig.plan.chunk = 64;
  rig.plan.max_sequences = 4;
  rig.plan.blocks = 64;
  rig.start();
  Tokens shared(20);
  for (size_t i = 0; i < shared.size(); ++i) shared[i] = static_cast<Token>(i % 7);
  for (int id = 1; id <= 4; ++id) {
    Tokens prompt = shared;
    prompt.push_back(static_cast<Token>(20 + id));
    rig.submit(id, prompt, length(6));
  }
  all_there.open();
  for (int id = 1; id <= 4; ++id) rig.check_whole(id);
  size_t computed = 0;
  for (const auto& step : rig.plan.steps()) {
    for (const auto& span : step.spans) {
      if (span.position < 21) computed += span.count;
    }
  }
  CHECK_EQUAL(computed, size_t{21 + 3});
  CHECK_EQUAL(rig.log.end_of(2).timings.cached_tokens, 20);
  CHECK_EQUAL(rig.loop().metrics().prefix_hits, 3);
  rig.close();
}

TEST("batch: max_new_tokens 0 computes the prompt, and the next request finds it") {
  Rig rig;
  rig.plan.chunk = 4;
  rig.plan.blocks = 16;
  rig.start();
  rig.submit(1, {1, 2, 3, 4, 5, 6}, length(0));
  rig.check_whole(1);
  CHECK_EQUAL(rig.log.end_of(1).tokens, Tokens{});
  rig.submit(2, {1, 2, 3, 4, 5, 6, 7, 8}, length(3));
  rig.check_whole(2);
  CHECK_EQUAL(rig.log.end_of(2).timings.cached_tokens, 6);
  rig.close();
}

TEST("batch: drafts change nothing, and some are right") {
  auto penalised = length(400);
  penalised.presence_penalty = 0.5;
  penalised.no_repeat_ngram_size = 399;
  for (const auto& params : {length(400), penalised, sampled(400, 5)}) {
    Rig rig;
    rig.plan.can_trim = rig.plan.can_fork = true;
    rig.plan.blocks = 128;
    rig.plan.chunk = 8;
    rig.warmup = {1, 2, 4, 8};
    repeat_every(rig, 5);
    rig.start();
    rig.submit(1, {1, 2, 3}, looking_up(params));
    rig.check_whole(1);
    const auto timings = rig.log.end_of(1).timings;
    CHECK(timings.draft_tokens >= timings.accepted_tokens);
    if (params.temperature == 0) CHECK(timings.accepted_tokens > 0);
    CHECK(rig.plan.steps().size() + static_cast<size_t>(timings.accepted_tokens) >= 400);
    CHECK_EQUAL(rig.loop().metrics().generated_tokens, 400);
    rig.close();
  }
}

TEST("batch: a draft that runs past a stop token or the length is cut there") {
  for (int32_t most : {7, 8, 9, 10, 11}) {
    Rig rig;
    rig.plan.can_trim = rig.plan.can_fork = true;
    rig.plan.blocks = 32;
    repeat_every(rig, 4);
    rig.start();
    rig.submit(1, {1, 2, 3}, looking_up(length(most)));
    rig.check_whole(1);
    auto params = looking_up(length(40));
    params.stop_token_ids = {9};
    rig.plan.fill = [most](std::span<const Token> before, std::span<float> logits) {
      std::fill(logits.begin(), logits.end(), 0.0F);
      logits[before.size() == static_cast<size_t>(10 + most) ? 9 : (before.size() % 4) + 1] = 5.0F;
    };
    rig.submit(2, {1, 2, 3}, params);
    rig.check_whole(2, FinishReason::kStop);
    // The next turn goes on from what was true.
    auto turn = Tokens{1, 2, 3};
    for (Token token : rig.log.end_of(2).tokens) turn.push_back(token);
    turn.push_back(11);
    rig.submit(3, turn, looking_up(length(5)));
    rig.check_whole(3);
    rig.close();
  }
}

TEST("batch: long prompts leave room in each step for the answers that run") {
  Gate second_there, reached;
  Rig rig;
  rig.plan.chunk = 4;
  rig.plan.max_sequences = 2;
  rig.plan.blocks = 64;
  rig.plan.on_step = [&](const Step& step) {
    if (step.number != 2) return;
    reached.open();
    second_there.pass();
  };
  rig.start();
  rig.submit(1, {1, 2}, length(30));
  reached.pass();
  rig.submit(2, Tokens(40, 3), length(2));
  second_there.open();
  rig.check_whole(1);
  rig.check_whole(2);
  for (const auto& step : rig.plan.steps()) {
    const bool second =
        std::any_of(step.spans.begin(), step.spans.end(), [](auto& span) { return span.sequence == 2; });
    if (second && step.number < 10) CHECK_EQUAL(step.spans.front().sequence, 1);
  }
  rig.close();
}
