// Log-probabilities through the loop: of answers with drafts and siblings, and of prompts in steps of few rows.
#include <cmath>

#include "engine/rig.h"
#include "engine/sampling/log_probabilities.h"

using llm::Logprobs;
using llm::Token;
using Tokens = std::vector<Token>;

namespace {

llm::RequestParams reporting(int32_t max_new_tokens, int32_t from = 1) {
  auto params = length(max_new_tokens);
  params.prompt_logprobs = 2;
  params.prompt_logprobs_from = from;
  return params;
}

Tokens counting(Token count, Token first = 0) {
  Tokens tokens;
  for (Token i = 0; i < count; ++i) tokens.push_back((first + i * i) % 32);
  return tokens;
}

// What the runner's rows say of the tokens from `from` on; their rows have the factors of a sequence of `length` tokens
// when that is given, else of what is before the token.
Logprobs expected(const Plan& plan, const Tokens& tokens, size_t from, size_t top, size_t length = 0) {
  Logprobs found;
  std::vector<float> logits(plan.vocabulary);
  for (size_t at = from; at < tokens.size(); ++at) {
    plan.fill_as(llm::RopeBorder(plan.long_rope_border).of(length > 0 ? length : at), std::span(tokens).first(at),
                 logits);
    llm::add_log_probability(logits, tokens[at], top, found);
  }
  return found;
}

void check_same(const Logprobs& found, const Logprobs& wanted) {
  CHECK(!wanted.values.empty());
  CHECK_EQUAL(found.values, wanted.values);
  CHECK_EQUAL(found.top_tokens, wanted.top_tokens);
  CHECK_EQUAL(found.top_values, wanted.top_values);
}

// Of steps with prompts, the most rows.
size_t most_rows(const Plan& plan) {
  size_t most = 0;
  for (const auto& step : plan.steps()) {
    size_t rows = 0;
    for (const auto& span : step.spans) rows += span.rows;
    most = std::max(most, rows);
  }
  return most;
}

}  // namespace

TEST("log-probabilities of answers: one for each token, with drafts and with siblings") {
  for (const bool drafts : {false, true}) {
    Rig rig;
    rig.plan.max_sequences = 3;
    rig.plan.can_trim = rig.plan.can_fork = true;
    rig.plan.blocks = 400;
    rig.plan.chunk = 8;
    rig.warmup = {1, 2, 4, 8};
    rig.plan.fill = [](std::span<const Token> before, std::span<float> logits) {  // repeats itself: drafts are right
      std::fill(logits.begin(), logits.end(), 0.0F);
      logits[(before.size() % 5) + 1] = 5.0F;
    };
    rig.start();
    auto params = length(400);
    params.logprobs = 4;
    std::vector<llm::SequenceId> ids{1};
    if (drafts) {
      params.lookup_ngram = 2;
      params.lookup_tokens = 3;
    } else {
      params.temperature = 1.5;
      params.seed = 5;
      ids = {1, 2, 3};
    }
    const Tokens prompt{1, 2, 3};
    rig.submit_all(ids, prompt, params);
    for (const auto id : ids) {
      rig.check_whole(id);
      auto whole = prompt;
      for (const Token token : rig.expected(id)) whole.push_back(token);
      check_same(rig.log.answers()[id].logprobs, expected(rig.plan, whole, prompt.size(), 4));
    }
    CHECK_EQUAL(rig.loop().metrics().accepted_tokens > 0, drafts);
    rig.close();
  }
}

TEST("log-probabilities of prompts: in steps of few rows, and never in more") {
  for (const size_t rows : {1, 2, 3, 7, 100}) {
    Rig rig;
    rig.plan.chunk = 5;
    rig.plan.logit_rows = rows;
    rig.plan.max_sequences = 3;
    rig.plan.blocks = 64;
    rig.start();
    const auto prompt = counting(17), other = counting(9, 5);
    rig.submit(1, prompt, reporting(0));
    rig.submit(2, other, reporting(0, 4));
    rig.submit(3, prompt, reporting(4));
    for (llm::SequenceId id : {1, 2, 3}) rig.check_whole(id);
    check_same(rig.log.answers()[1].prompt_logprobs, expected(rig.plan, prompt, 1, 2));
    check_same(rig.log.answers()[2].prompt_logprobs, expected(rig.plan, other, 4, 2));
    check_same(rig.log.answers()[3].prompt_logprobs, expected(rig.plan, prompt, 1, 2));
    CHECK(most_rows(rig.plan) <= rows + 1);  // and one that an answer is sampled from
    CHECK(rows >= 5 || most_rows(rig.plan) >= rows);
    rig.close();
  }
}

TEST("log-probabilities of prompts: the cache gives what comes before the first that is wanted, and no more") {
  Rig rig;
  rig.plan.chunk = 64;
  rig.plan.max_sequences = 4;
  rig.plan.blocks = 64;
  rig.start();
  const auto prompt = counting(30);
  rig.submit(1, prompt, length(0));
  rig.check_whole(1);
  const auto cached = [&](llm::SequenceId id, int32_t from) {
    rig.submit(id, prompt, reporting(1, from));
    rig.check_whole(id);
    check_same(rig.log.answers()[id].prompt_logprobs, expected(rig.plan, prompt, static_cast<size_t>(from), 2));
    return rig.log.answers()[id].timings.cached_tokens;
  };
  CHECK_EQUAL(cached(2, 1), 0);
  CHECK_EQUAL(cached(3, 1), 0);
  CHECK_EQUAL(cached(4, 21), 20);
  CHECK_EQUAL(cached(5, 29), 28);
  rig.close();
}

TEST("log-probabilities of prompts: what several share is computed once") {
  Gate gate;
  Rig rig;
  rig.on_load = [&gate] { gate.pass(); };
  rig.plan.chunk = 64;
  rig.plan.max_sequences = 8;
  rig.plan.blocks = 64;
  rig.start();
  for (llm::SequenceId id = 1; id <= 5; ++id) {
    auto tokens = counting(18);
    tokens.push_back(static_cast<Token>(id));
    tokens.push_back(3);
    rig.submit(id, tokens, reporting(0, 18));
  }
  gate.open();
  for (llm::SequenceId id = 1; id <= 5; ++id) {
    rig.check_whole(id);
    CHECK_EQUAL(rig.log.answers()[id].timings.cached_tokens, id == 1 ? 0 : 17);
    CHECK_EQUAL(rig.log.answers()[id].prompt_logprobs.values.size(), size_t{2});
  }
  CHECK_EQUAL(rig.plan.steps().size(), size_t{2});
  rig.close();
}

TEST("log-probabilities of prompts: reported once and the same, though their sequences are preempted") {
  Rig rig;
  rig.plan.chunk = 4;
  rig.plan.logit_rows = 2;
  rig.plan.max_sequences = 4;
  rig.plan.blocks = 12;
  rig.start();
  int preempted = 0;
  for (llm::SequenceId id = 1; id <= 12; ++id) {
    const bool first = id % 2 == 1;  // answers that grow beside prompts that are still computed
    rig.submit(id, counting(first ? 5 : 30, static_cast<Token>(id)), reporting(first ? 30 : 3));
  }
  for (llm::SequenceId id = 1; id <= 12; ++id) {
    rig.check_whole(id);
    const auto prompt = counting(id % 2 == 1 ? 5 : 30, static_cast<Token>(id));
    check_same(rig.log.answers()[id].prompt_logprobs, expected(rig.plan, prompt, 1, 2));
  }
  const auto admissions = rig.plan.admissions();
  for (const auto id : admissions) preempted += std::count(admissions.begin(), admissions.end(), id) > 1;
  CHECK(preempted > 0);
  rig.close();
}

TEST(
    "log-probabilities of prompts: with the position factors of the whole prompt, and not again when an answer "
    "crosses") {
  Rig rig;
  rig.plan.chunk = 4;
  rig.plan.max_sequences = 2;
  rig.plan.blocks = 64;
  rig.plan.long_rope_border = 12;
  rig.plan.reports_prompts = true;
  rig.start();
  const auto below = counting(10), beyond = counting(20);
  rig.submit(1, below, reporting(8));
  rig.submit(2, beyond, reporting(3));
  rig.check_whole(1);
  rig.check_whole(2);
  check_same(rig.log.answers()[1].prompt_logprobs, expected(rig.plan, below, 1, 2, below.size()));
  check_same(rig.log.answers()[2].prompt_logprobs, expected(rig.plan, beyond, 1, 2, beyond.size()));
  CHECK(!rig.log.answers()[1].reprefills.empty());
  rig.close();
}
