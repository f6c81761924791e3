// Sequences that grow beyond the border of their position factors: the loop, and what it leaves in the prefix cache.
#include "engine/rope.h"

#include "engine/block_cache.h"
#include "engine/rig.h"

using llm::Rope;
using llm::RopeBorder;

TEST("rope: the border, and the room before it") {
  const RopeBorder border(10);
  CHECK(border.of(10) == Rope::kShort);
  CHECK(border.of(11) == Rope::kLong);
  CHECK_EQUAL(border.room(7), size_t{3});
  CHECK_EQUAL(border.room(10), size_t{0});
  CHECK(border.room(11) > 1000000);
  const RopeBorder none;
  CHECK(none.of(1000000) == Rope::kShort);
  CHECK(none.room(1000000) > 1000000);
}

TEST("rope: blocks are shared on either side of the border, never across") {
  Cache cache(24);
  const Tokens text = count_up(14);
  CHECK_EQUAL(cache.serve(1, text), 0U);
  CHECK_EQUAL(cache.admit(2, text, 0, Rope::kLong).value(), 0U);
  CHECK(cache.write(2, text));
  CHECK_EQUAL(cache.admit(3, text, 0, Rope::kShort).value(), 13U);
  cache.publish(2);
  CHECK_EQUAL(cache.admit(4, text, 0, Rope::kLong).value(), 12U);
  cache.fork(2, 5);
  for (SequenceId id : {2, 3, 4, 5}) cache.drop(id);
  CHECK_EQUAL(cache.admit(6, joined(text, {99}), 0, Rope::kLong).value(), 14U);
  CHECK_EQUAL(cache.admit(7, joined(text, {99}), 0, Rope::kShort).value(), 13U + 1U);
}

TEST("rope: an answer goes on beyond the border as if it had been computed there from the start") {
  for (size_t chunk = 1; chunk <= 14; ++chunk) {
    for (size_t prompt = 1; prompt <= 14; ++prompt) {
      Rig rig;
      rig.plan.long_rope_border = 12;
      rig.plan.chunk = chunk;
      rig.plan.blocks = 24;
      rig.start();
      rig.submit(1, count_up(prompt), length(10));
      rig.check_whole(1);
      const Answer answer = rig.log.answers()[1];
      const bool crosses = prompt <= 12 && prompt + 9 > 12;  // the last token is not computed
      CHECK_EQUAL(!answer.reprefills.empty(), crosses);
      CHECK_EQUAL(answer.timings.reprefill > 0, crosses);
      if (crosses) {
        CHECK_EQUAL(answer.reprefills.front().done, 0);
        CHECK_EQUAL(answer.reprefills.back().done, 13);
        CHECK_EQUAL(answer.reprefills.size(), 1 + (13 + chunk - 1) / chunk);
        for (const auto& event : answer.reprefills) CHECK_EQUAL(event.total, 13);
      }
      rig.close();
    }
  }
}

TEST("rope: many requests on both sides, with several answers, drafts and a small cache, each as if alone") {
  for (size_t blocks : {size_t{0}, size_t{16}, size_t{40}}) {
    Rig rig;
    rig.plan.long_rope_border = 20;
    rig.plan.max_sequences = 5;
    rig.plan.chunk = 9;
    rig.plan.can_trim = rig.plan.can_fork = true;
    rig.plan.blocks = blocks;
    // Answers that repeat themselves: drafts are right.
    rig.plan.fill = [](std::span<const Token> before, std::span<float> logits) {
      std::fill(logits.begin(), logits.end(), 0.0F);
      logits[(before.size() % 3) + 1] = 5.0F;
      logits[before.size() % 7 + 9] = before.size() % 5 == 0 ? 4.0F : 0.5F;
    };
    rig.start();
    for (int id = 1; id <= 40; ++id) {
      auto params = length(static_cast<int32_t>(1 + id * 7 % 30));
      if (id % 2 == 0) {
        params.lookup_ngram = 2;
        params.lookup_tokens = 4;
      }
      if (id % 3 == 0) {
        params.temperature = 1.2;
        params.seed = static_cast<uint32_t>(id);
      }
      rig.submit(id, count_up(1 + static_cast<size_t>(id) * 5 % 27, id % 4), params);
    }
    auto params = length(24);
    params.temperature = 1.2;
    rig.submit_all({100, 101, 102, 103}, count_up(8), params);
    for (int id = 1; id <= 40; ++id) rig.check_whole(id);
    for (int id = 100; id <= 103; ++id) rig.check_whole(id);
    CHECK(rig.loop().metrics().accepted_tokens > 20);
    rig.close();
  }
}

TEST("rope: a sequence that is computed again finds what others left beyond the border") {
  Rig rig;
  rig.plan.long_rope_border = 12;
  rig.plan.chunk = 100;
  rig.plan.blocks = 40;
  rig.start();
  rig.submit(1, count_up(10), length(6));
  rig.check_whole(1);
  const size_t before = rig.plan.steps().size();
  rig.submit(2, count_up(10), length(6));
  rig.check_whole(2);
  const auto steps = rig.plan.steps();
  std::vector<size_t> counts;
  for (size_t i = before; i < steps.size(); ++i) counts.push_back(steps[i].spans[0].count);
  CHECK_EQUAL(counts, (std::vector<size_t>(6, 1)));  // all was there but the last token of the prompt
  CHECK_EQUAL(rig.log.answers()[2].reprefills.size(), size_t{2});
  rig.close();
}
