// How many prompt tokens go beside running answers.
#include "engine/scheduling/prefill_budget.h"

#include "tap.h"

using llm::PrefillBudget;

TEST("pace: nothing known, the first draft; and prompts alone tell nothing") {
  PrefillBudget pace;
  CHECK_EQUAL(pace.tokens(8), 8U);
  pace.learn(0, 256, 100);
  pace.learn(1, 0, 10);
  CHECK_EQUAL(pace.tokens(8), 8U);
}

TEST("pace: a step with prompts takes at most so many times what the answers alone take") {
  PrefillBudget pace;
  pace.learn(4, 0, 10);
  for (int i = 0; i < 20; ++i) {
    const size_t tokens = pace.tokens(8);
    pace.learn(4, tokens, 10 + 0.5 * static_cast<double>(tokens));
  }
  CHECK_EQUAL(pace.tokens(8), static_cast<size_t>((PrefillBudget::kSlowdown - 1) * 10 / 0.5));
}

TEST("pace: it follows tokens that become dearer, and forgets a single slow step") {
  PrefillBudget pace;
  pace.learn(1, 0, 10);
  for (int i = 0; i < 40; ++i) pace.learn(1, 20, 10 + 20 * 0.5);
  const size_t before = pace.tokens(8);
  pace.learn(1, 20, 500);
  CHECK(pace.tokens(8) >= before * 3 / 4);
  for (int i = 0; i < 40; ++i) pace.learn(1, 20, 10 + 20 * 1.0);
  CHECK_EQUAL(pace.tokens(8), before / 2);
}

TEST("pace: tokens that seem to cost nothing are not without end") {
  PrefillBudget pace;
  pace.learn(1, 0, 10);
  for (int i = 0; i < 40; ++i) pace.learn(1, 10, 9);
  // 5 % of a quiet step for 10 tokens.
  CHECK_EQUAL(pace.tokens(8), static_cast<size_t>((PrefillBudget::kSlowdown - 1) * 10 / 0.05));
}
