// Many requests from several threads, cancelled at random.
#include <atomic>
#include <random>

#include "engine/rig.h"

namespace {

constexpr int kThreads = 3;
constexpr int kRequests = 400;

llm::RequestParams random_params(std::mt19937& random) {
  auto params = length(1 + static_cast<int32_t>(random() % 24));
  if (random() % 2 == 0) params.temperature = 1.5;
  if (random() % 2 == 0) params.top_k = 5;
  if (random() % 3 == 0) params.top_p = 0.7;
  if (random() % 2 == 0) params.stop_token_ids = {static_cast<llm::Token>(random() % 32)};
  params.seed = static_cast<uint32_t>(random());
  return params;
}

// Each thread submits its share of the ids 1..kRequests; between two submits it may cancel one of anybody's.
void submit_and_cancel(Rig& rig, unsigned seed) {
  std::atomic<int> next = 1;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&rig, &next, seed, i] {
      std::mt19937 random(seed * 100 + static_cast<unsigned>(i));
      for (int id = next++; id <= kRequests; id = next++) {
        std::vector<llm::Token> prompt(1 + random() % 12);
        for (auto& token : prompt) token = static_cast<llm::Token>(random() % rig.plan.vocabulary);
        rig.submit(id, std::move(prompt), random_params(random));
        // Only of ids that are there: a cancel that comes before its request means nothing.
        if (random() % 3 == 0) rig.loop().cancel(id - static_cast<int>(random() % 5));
        if (random() % 3 == 0) rig.loop().cancel(1 + static_cast<int>(random() % static_cast<unsigned>(id)));
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

// However it ended, its tokens are right.
void check_answers(Rig& rig) {
  for (const auto& [id, answer] : rig.log.answers()) {
    auto expected = rig.expected(id);
    const bool whole = answer.reason == llm::FinishReason::kStop || answer.reason == llm::FinishReason::kLength;
    if (!whole) {
      CHECK(answer.tokens.size() <= expected.size());
      expected.resize(answer.tokens.size());
    }
    CHECK_EQUAL(answer.tokens, expected);
  }
}

}  // namespace

TEST("stress: 400 requests from three threads, with cancels, all end once and exactly") {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    Rig rig;
    rig.plan.max_sequences = seed;
    rig.plan.keeps_prefixes = true;
    rig.plan.long_rope_border = seed == 1 ? 0 : 10;
    rig.start();
    submit_and_cancel(rig, seed);
    for (int id = 1; id <= kRequests; ++id) rig.log.end_of(id);
    rig.close();
    check_answers(rig);
  }
}

TEST("stress: the same with steps that fail now and then") {
  Rig rig;
  rig.plan.max_sequences = 3;
  rig.plan.long_rope_border = 10;
  rig.plan.on_step = [](const Step& step) {
    if (step.number % 7 == 0) throw llm::Failure(llm::ERR_ENGINE, "now and then");
  };
  rig.start();
  submit_and_cancel(rig, 11);
  for (int id = 1; id <= kRequests; ++id) rig.log.end_of(id);
  rig.submit(1000, {1});
  rig.log.end_of(1000);
  rig.close();
  check_answers(rig);
  for (const auto& [id, answer] : rig.log.answers()) CHECK(answer.code.empty() || answer.message == "now and then");
}

TEST("stress: destruction in the middle of it") {
  for (unsigned seed = 21; seed <= 24; ++seed) {
    Rig rig;
    rig.plan.max_sequences = 3;
    rig.start();
    submit_and_cancel(rig, seed);
    rig.close();
    check_answers(rig);
  }
}
