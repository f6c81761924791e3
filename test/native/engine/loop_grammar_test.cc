// Answers that conform to a grammar: what is computed, in which order, and what is answered. The grammars are scripted.
#include <map>

#include "engine/rig.h"

using llm::FinishReason;
using llm::Token;
using Tokens = std::vector<Token>;

namespace {

llm::RequestParams constrained(int32_t max_new_tokens, const std::string& source) {
  auto params = length(max_new_tokens);
  params.grammar = {"regex", source};
  return params;
}

// The likeliest of the tokens that each place allows.
Tokens conforming(Tokens prompt, const std::vector<Tokens>& places) {
  Tokens answer;
  std::vector<float> logits(32);
  for (const auto& allowed : places) {
    fill_logits(prompt, logits);
    const auto likeliest = std::max_element(allowed.begin(), allowed.end(), [&](Token a, Token b) {
      return logits[static_cast<size_t>(a)] < logits[static_cast<size_t>(b)];
    });
    answer.push_back(*likeliest);
    prompt.push_back(*likeliest);
  }
  return answer;
}

void check_answer(Rig& rig, llm::SequenceId id, const Tokens& tokens, FinishReason reason = FinishReason::kGrammar) {
  const Answer answer = rig.log.end_of(id);
  CHECK_EQUAL(answer.code + answer.message, "");
  CHECK_EQUAL(answer.tokens, tokens);
  CHECK(answer.reason == reason);
}

std::vector<int32_t> symbols(const Tokens& tokens) {
  std::vector<int32_t> found;
  for (const Token token : tokens) found.push_back(256 + token);
  return found;
}

// Its grammar waits for this token.
llm::RequestParams waiting(int32_t max_new_tokens, const std::string& source, Token trigger, bool again) {
  auto params = constrained(max_new_tokens, source);
  params.marks.triggers = {1, 256 + trigger};
  params.marks.free_again = again;
  return params;
}

// What free answers say behind `tokens`, greedily.
Tokens free_answer(Tokens tokens, size_t count) {
  const std::vector<Token> all = [] {
    std::vector<Token> ids(32);
    for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<Token>(i);
    return ids;
  }();
  return conforming(std::move(tokens), std::vector<Tokens>(count, all));
}

Tokens joined(Tokens a, const Tokens& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST("grammar: an answer conforms to it and ends with it") {
  ScriptedGrammars grammars;
  Rig rig;
  rig.grammars = grammars.compilers();
  rig.start();
  rig.submit(1, {3, 1, 4}, constrained(20, "1|2|3 4|5 6|7|8|9"));
  check_answer(rig, 1, conforming({3, 1, 4}, {{1, 2, 3}, {4, 5}, {6, 7, 8, 9}}));
  rig.submit(2, {3, 1, 4}, length(3));  // and the next one is free
  rig.check_whole(2);
  rig.close();
}

TEST("grammar: an answer that is cut says so, and one that a stop token ends says that") {
  ScriptedGrammars grammars;
  Rig rig;
  rig.grammars = grammars.compilers();
  rig.start();
  rig.submit(1, {3, 1, 4}, constrained(2, "1|2|3 4|5 6|7|8|9"));
  check_answer(rig, 1, conforming({3, 1, 4}, {{1, 2, 3}, {4, 5}}), FinishReason::kLength);
  auto params = constrained(20, "1|2|3 4|5 6|7|8|9");
  params.stop_token_ids = {4, 5};
  rig.submit(2, {3, 1, 4}, params);
  check_answer(rig, 2, conforming({3, 1, 4}, {{1, 2, 3}, {4, 5}}), FinishReason::kStop);
  // The end token is an end of the grammar, too, for a request that does not stop at it.
  rig.submit(3, {3, 1, 4}, constrained(20, "1|2|3 $ 6|7|8|9"));
  check_answer(rig, 3, conforming({3, 1, 4}, {{1, 2, 3}, {31}}));
  rig.close();
}

TEST("grammar: forced tokens are appended without logits, and the next step computes them in one span") {
  ScriptedGrammars grammars;
  Rig rig;
  rig.plan.chunk = 16;
  rig.grammars = grammars.compilers();
  rig.start();
  rig.submit(1, {3, 1, 4}, constrained(20, "1|2|3 4 5 6 7|8 9 10"));
  const auto answer = conforming({3, 1, 4}, {{1, 2, 3}, {4}, {5}, {6}, {7, 8}, {9}, {10}});
  check_answer(rig, 1, answer);
  std::vector<StepSpan> spans;
  for (const auto& step : rig.plan.steps()) spans.insert(spans.end(), step.spans.begin(), step.spans.end());
  CHECK(spans == (std::vector<StepSpan>{{1, 0, 3, 1}, {1, 3, 4, 1}}));
  CHECK_EQUAL(grammars.masks.load(), 2);
  // Log-probabilities need the logits of each token.
  auto params = constrained(20, "1|2|3 4 5 6 7|8 9 10");
  params.logprobs = 0;
  rig.submit(2, {3, 1, 4}, params);
  check_answer(rig, 2, answer);
  CHECK_EQUAL(rig.log.end_of(2).logprobs.values.size(), size_t{7});
  CHECK_EQUAL(rig.plan.steps().size(), size_t{2 + 7});
  rig.close();
}

TEST("grammar: forced tokens end at the longest answer, at a stop token, and where a draft's would be too many") {
  ScriptedGrammars grammars;
  Rig rig;
  rig.plan.chunk = 100;
  rig.grammars = grammars.compilers();
  rig.start();
  rig.submit(1, {3, 1, 4}, constrained(3, "1 2 3 4 5"));
  check_answer(rig, 1, {1, 2, 3}, FinishReason::kLength);
  auto params = constrained(20, "1 2 3 4 5");
  params.stop_token_ids = {4};
  rig.submit(2, {3, 1, 4}, params);
  check_answer(rig, 2, {1, 2, 3, 4}, FinishReason::kStop);
  std::string many;
  for (int i = 0; i < 100; ++i) many += " 7";  // an event has room for fewer
  rig.submit(3, {3, 1, 4}, constrained(200, many));
  check_answer(rig, 3, Tokens(100, 7));
  rig.close();
}

TEST("grammar: it is the last of the processors, and says when they leave nothing") {
  ScriptedGrammars grammars;
  Rig rig;
  rig.grammars = grammars.compilers();
  rig.start();
  auto params = constrained(20, "1|2|3");
  params.logit_bias = {1, 30};
  params.logit_bias_values = {10000};
  rig.submit(1, {3, 1, 4}, params);
  check_answer(rig, 1, conforming({3, 1, 4}, {{1, 2, 3}}));
  params = constrained(20, "1|2|3 4");
  params.suppress_tokens = {1, 3};
  rig.submit(2, {3, 1, 4}, params);
  check_answer(rig, 2, {2, 4});
  params.suppress_tokens = {4};  // which would be forced
  rig.submit(3, {3, 1, 4}, params);
  rig.check_failed(3, llm::ERR_NO_TOKEN, "the options of the request ban every token that its grammar allows here");
  rig.close();
}

TEST("grammar: a late mask delays its own sequence only") {
  Gate mask;
  ScriptedGrammars grammars;
  grammars.on_mask = [&](const std::string& source, size_t place) {
    if (source[0] == '1' && place == 1) mask.pass();
  };
  Rig rig;
  rig.plan.max_sequences = 3;
  rig.grammars = grammars.compilers();
  rig.start();
  rig.submit(1, {3, 1, 4}, constrained(20, "1|2|3 4|5 6|7"));
  rig.submit(2, {3, 1, 5}, length(12));
  rig.submit(3, {3, 1, 6}, constrained(20, "2|3 4|5 6|7"));
  rig.check_whole(2);
  check_answer(rig, 3, conforming({3, 1, 6}, {{2, 3}, {4, 5}, {6, 7}}));
  CHECK(!rig.log.answers()[1].ended());
  mask.open();
  check_answer(rig, 1, conforming({3, 1, 4}, {{1, 2, 3}, {4, 5}, {6, 7}}));
  rig.close();
}

TEST("grammar: a sequence whose mask is late may be cancelled, or end with the engine") {
  for (const bool stop : {false, true}) {
    Gate begun, mask;
    ScriptedGrammars grammars;
    grammars.on_mask = [&](auto&, size_t) {
      begun.open();
      mask.pass();
    };
    Rig rig;
    rig.grammars = grammars.compilers();
    rig.start();
    rig.submit(1, {3, 1, 4}, constrained(20, "1|2"));
    begun.pass();
    if (stop) {
      rig.loop().stop();
      mask.open();
    } else {
      rig.loop().cancel(1);
    }
    CHECK(rig.log.end_of(1).reason == FinishReason::kCancelled);
    mask.open();
    rig.close();
  }
}

TEST("grammar: a sequence whose mask is late may lose its place in the cache") {
  Gate mask;
  ScriptedGrammars grammars;
  grammars.on_mask = [&](const std::string&, size_t place) {
    if (place == 1) mask.pass();
  };
  Rig rig;
  rig.plan.max_sequences = 2;
  rig.plan.blocks = 4;
  rig.plan.block_tokens = 4;
  rig.grammars = grammars.compilers();
  rig.start();
  auto first = length(9);
  first.priority = 1;
  rig.submit(1, {3, 1, 4}, constrained(8, "1|2|3 4|5 6|7 8|9 1|2|3 4|5 6|7 8|9"));
  rig.submit(2, {3, 1, 5, 5, 5}, first);  // it needs all blocks in the end
  rig.check_whole(2);
  mask.open();
  check_answer(rig, 1, conforming({3, 1, 4}, {{1, 2, 3}, {4, 5}, {6, 7}, {8, 9}, {1, 2, 3}, {4, 5}, {6, 7}, {8, 9}}));
  rig.close();
}

TEST("grammar: every answer to a prompt conforms, forked or computed anew") {
  for (const bool forks : {true, false}) {
    for (const bool late : {false, true}) {
      Gate mask;
      ScriptedGrammars grammars;
      grammars.on_mask = [&](auto&, size_t place) {
        if (late && place == 0) mask.pass();
      };
      Rig rig;
      rig.plan.can_trim = rig.plan.can_fork = forks;
      rig.plan.max_sequences = 4;
      rig.grammars = grammars.compilers();
      rig.start();
      auto params = constrained(20, "1|2|3 4|5|6 7|8|9 10");
      params.temperature = 1;
      rig.submit_all({1, 2, 3, 4}, {3, 1, 4}, params);
      mask.open();
      std::map<Tokens, int> different;
      for (int id = 1; id <= 4; ++id) {
        const Answer answer = rig.log.end_of(id);
        CHECK(answer.reason == FinishReason::kGrammar);
        CHECK_EQUAL(answer.tokens.size(), size_t{4});
        for (size_t i = 0; i < 3; ++i) CHECK(answer.tokens[i] >= 1 + 3 * static_cast<Token>(i));
        for (size_t i = 0; i < 3; ++i) CHECK(answer.tokens[i] <= 3 + 3 * static_cast<Token>(i));
        CHECK_EQUAL(answer.tokens[3], 10);
        ++different[answer.tokens];
      }
      CHECK(different.size() > 1);
      CHECK_EQUAL(grammars.compiled.load(), 1);
      rig.close();
    }
  }
}

TEST("grammar: while one is compiled others are answered, and it may be cancelled") {
  Gate compile;
  ScriptedGrammars grammars;
  grammars.on_compile = [&](auto&) { compile.pass(); };
  Rig rig;
  rig.grammars = grammars.compilers();
  rig.start();
  rig.submit_all({1, 2, 3}, {3, 1, 4}, constrained(20, "1|2|3 4|5"));
  rig.submit(4, {3, 1, 5}, length(6));
  rig.check_whole(4);
  rig.loop().cancel(1);  // the first, in whose place the next one waits
  rig.loop().cancel(3);
  CHECK(rig.log.end_of(1).reason == FinishReason::kCancelled);
  CHECK(rig.log.end_of(3).reason == FinishReason::kCancelled);
  CHECK(rig.plan.admissions() == std::vector<llm::SequenceId>{4});
  compile.open();
  check_answer(rig, 2, conforming({3, 1, 4}, {{1, 2, 3}, {4, 5}}));
  rig.close();
}

TEST("grammar: stop while one is compiled, and another waits for that") {
  Gate begun, compile;
  ScriptedGrammars grammars;
  grammars.on_compile = [&](auto&) {
    begun.open();
    compile.pass();
  };
  Rig rig;
  rig.grammars = grammars.compilers();
  rig.start();
  rig.submit(1, {3, 1, 4}, constrained(20, "1|2"));
  rig.submit(2, {3, 1, 4}, constrained(20, "1|3"));
  begun.pass();
  rig.loop().stop();
  CHECK(rig.log.end_of(1).reason == FinishReason::kCancelled);
  CHECK(rig.log.end_of(2).reason == FinishReason::kCancelled);
  compile.open();
  rig.log.wait_closed();
  CHECK_EQUAL(grammars.compiled.load(), 1);
  rig.close();
}

TEST("grammar: what is too much fails its own request, before the first token or later, and no other one") {
  const auto too_much = [](const char* what) { throw llm::Failure(llm::ERR_GRAMMAR, what); };
  ScriptedGrammars grammars;
  grammars.on_compile = [&](const llm::Grammar& grammar) {
    if (grammar.source == "1") too_much("compile");
  };
  grammars.on_mask = [&](const std::string& source, size_t place) {
    if (source == "1|2 3|4 5|6" && place == 1) too_much("mask");
  };
  grammars.on_accept = [&](const std::string& source, size_t place) {
    if (source == "1|2 3|4 7|8" && place == 1) too_much("accept");
  };
  Rig rig;
  rig.plan.max_sequences = 4;
  rig.grammars = grammars.compilers();
  rig.start();
  rig.submit_all({1, 5}, {3, 1, 4}, constrained(20, "1"));
  rig.submit(2, {3, 1, 4}, constrained(20, "1|2 3|4 5|6"));
  rig.submit(3, {3, 1, 4}, constrained(20, "1|2 3|4 7|8"));
  rig.submit(4, {3, 1, 4}, length(9));
  rig.check_failed(1, llm::ERR_GRAMMAR, "compile");
  rig.check_failed(5, llm::ERR_GRAMMAR, "compile");
  rig.check_failed(2, llm::ERR_GRAMMAR, "mask");
  rig.check_failed(3, llm::ERR_GRAMMAR, "accept");
  rig.check_whole(4);
  CHECK(rig.log.answers()[1].tokens.empty());
  CHECK_EQUAL(rig.log.answers()[2].tokens.size(), size_t{1});
  rig.submit(6, {3, 1, 4}, constrained(20, std::string((size_t{1} << 20) + 1, ' ')));
  rig.check_failed(6, llm::ERR_GRAMMAR, "the grammar has 1048577 bytes, expected at most 1048576");
  rig.close();
}

TEST("grammar: an addon without grammars says what to do") {
  Rig rig;
  rig.start();
  rig.submit(1, {3, 1, 4}, constrained(20, "1|2"));
  rig.check_failed(1, llm::ERR_NOT_BUILT,
                   "this addon was built without structured output: install Rust 1.87 or newer (https://rustup.rs) and "
                   "run npm run build");
  rig.close();
}

TEST("grammar: a step of others that fails has a late sequence computed anew") {
  Gate mask;
  ScriptedGrammars grammars;
  grammars.on_mask = [&](const std::string&, size_t place) {
    if (place == 1) mask.pass();
  };
  Rig rig;
  rig.plan.max_sequences = 2;
  rig.plan.on_step = [failed = false](const Step& step) mutable {
    if (failed || step.spans.size() > 1 || step.spans[0].sequence != 2 || step.number < 4) return;
    failed = true;
    throw llm::Failure(llm::ERR_ENGINE, "once");
  };
  rig.grammars = grammars.compilers();
  rig.start();
  rig.submit(1, {3, 1, 4}, constrained(20, "1|2|3 4|5 6|7 8|9"));
  rig.submit(2, {3, 1, 5}, length(30));
  rig.check_failed(2, llm::ERR_ENGINE, "once");
  mask.open();
  check_answer(rig, 1, conforming({3, 1, 4}, {{1, 2, 3}, {4, 5}, {6, 7}, {8, 9}}));
  rig.close();
}

TEST("grammar: many at once beside free answers, cancelled at any time") {
  ScriptedGrammars grammars;
  Rig rig;
  rig.plan.max_sequences = 5;
  rig.plan.can_trim = rig.plan.can_fork = true;
  rig.plan.chunk = 70;
  rig.plan.blocks = 40;
  rig.grammars = grammars.compilers();
  rig.start();
  const std::vector<std::vector<Tokens>> places{{{1, 2, 3}, {4}, {5}, {6, 7}, {8}, {9, 10}}, {{7, 8}, {9, 1}, {2, 3}}};
  const std::vector<std::string> sources{"1|2|3 4 5 6|7 8 9|10", "7|8 1|9 2|3"};
  for (int id = 1; id <= 90; ++id) {
    const Tokens prompt{id % 30, 7, id % 11};
    if (id % 3 == 0) {
      rig.submit(id, prompt, length(8));
    } else {
      rig.submit(id, prompt, constrained(20, sources[static_cast<size_t>(id) % 2]));
    }
    if (id % 7 == 0) rig.loop().cancel(id - 2);
  }
  for (int id = 1; id <= 90; ++id) {
    const Answer answer = rig.log.end_of(id);
    CHECK_EQUAL(answer.code + answer.message, "");
    if (answer.reason == FinishReason::kCancelled) continue;
    const Tokens prompt{id % 30, 7, id % 11};
    if (id % 3 == 0) {
      rig.check_whole(id);
    } else {
      check_answer(rig, id, conforming(prompt, places[static_cast<size_t>(id) % 2]));
    }
  }
  rig.close();
}

TEST("grammar: an answer is free until a trigger comes, and no mask is made for it") {
  ScriptedGrammars grammars;
  for (const bool lookup : {false, true}) {
    Rig rig;
    rig.plan.can_trim = lookup;
    rig.plan.chunk = 16;
    rig.grammars = grammars.compilers();
    rig.start();
    const Tokens prompt{3, 1, 4};
    const Tokens text = free_answer(prompt, 4);
    const auto asked = [&](const std::string& source, Token trigger, bool again) {
      auto params = waiting(20, source, trigger, again);
      if (lookup) params.lookup_ngram = params.lookup_tokens = 3;
      return params;
    };
    grammars.masks = 0;
    Token never = 0;
    const Tokens whole = free_answer(prompt, 20);
    while (std::ranges::count(whole, never) > 0) ++never;
    rig.submit(1, prompt, asked(std::to_string(never) + " 1", never, true));
    check_answer(rig, 1, whole, FinishReason::kLength);
    CHECK_EQUAL(grammars.masks.load(), 0);
    CHECK(std::ranges::count(text, text[3]) == 1);
    const std::string source = std::to_string(text[3]) + " 1|2 3 4|5";
    const Tokens bound = joined(text, conforming(joined(prompt, text), {{1, 2}, {3}, {4, 5}}));
    rig.submit(2, prompt, asked(source, text[3], false));
    check_answer(rig, 2, bound);
    CHECK_EQUAL(grammars.masks.load(), 2);
    rig.submit(3, prompt, asked(source, text[3], true));
    const Tokens rest = free_answer(joined(prompt, bound), 20 - bound.size());
    CHECK_EQUAL(std::ranges::count(rest, text[3]), 0);
    check_answer(rig, 3, joined(bound, rest), FinishReason::kLength);
    CHECK_EQUAL(grammars.masks.load(), 4);
    rig.close();
  }
}

TEST("grammar: what a trigger begins comes again, for each answer to a prompt") {
  ScriptedGrammars grammars;
  Rig rig;
  rig.plan.can_fork = rig.plan.can_trim = true;
  rig.plan.max_sequences = 4;
  rig.grammars = grammars.compilers();
  rig.start();
  auto params = waiting(200, "5 1|2 3 4|6", 5, true);
  params.temperature = 1;
  rig.submit_all({1, 2, 3, 4}, {3, 1, 4}, params);
  for (int id = 1; id <= 4; ++id) {
    const Answer answer = rig.log.end_of(id);
    CHECK_EQUAL(answer.code + answer.message, "");
    CHECK_EQUAL(answer.tokens.size(), size_t{200});
    int calls = 0;
    for (size_t i = 0; i + 3 < answer.tokens.size(); ++i) {
      if (answer.tokens[i] != 5) continue;
      ++calls;
      CHECK(answer.tokens[i + 1] == 1 || answer.tokens[i + 1] == 2);
      CHECK_EQUAL(answer.tokens[i + 2], 3);
      CHECK(answer.tokens[i + 3] == 4 || answer.tokens[i + 3] == 6);
    }
    CHECK(calls > 1);
  }
  rig.close();
}

TEST("grammar: a reasoning that has used up its tokens is closed, with a grammar and without") {
  ScriptedGrammars grammars;
  for (const bool bound : {false, true}) {
    Rig rig;
    rig.plan.can_trim = true;
    rig.plan.chunk = 16;
    rig.grammars = grammars.compilers();
    rig.start();
    const Tokens prompt{3, 1, 4};
    Token end = 0;  // does not come by itself
    const Tokens thoughts = free_answer(prompt, 4);
    while (std::ranges::count(thoughts, end) > 0) ++end;
    auto params = length(10);
    if (bound) params = constrained(10, "* * * * 7 " + std::to_string(end) + " 1|2 3|4");
    params.marks.reasoning_end = symbols({end});
    params.marks.reasoning_open = true;
    params.marks.reasoning_budget = 4;
    params.marks.reasoning_closing = {7, end};
    const Tokens closed = joined(thoughts, {7, end});
    const Tokens answer =
        bound ? conforming(joined(prompt, closed), {{1, 2}, {3, 4}}) : free_answer(joined(prompt, closed), 4);
    const auto reason = bound ? FinishReason::kGrammar : FinishReason::kLength;
    rig.submit(1, prompt, params);
    check_answer(rig, 1, joined(closed, answer), reason);
    params.logprobs = 0;  // nothing is taken without its logits
    rig.submit(2, prompt, params);
    check_answer(rig, 2, joined(closed, answer), reason);
    if (!bound) {
      params.marks.reasoning_budget = 0;
      rig.submit(3, prompt, params);
      check_answer(rig, 3, joined({7, end}, free_answer({3, 1, 4, 7, end}, 8)), reason);
    }
    rig.close();
  }
  // None of it needs the library.
  Rig rig;
  rig.grammars = nullptr;
  rig.start();
  rig.loop().learn_vocabulary(ScriptedGrammars::vocabulary());
  auto params = length(3);
  params.marks.reasoning_end = symbols({9});
  params.marks.reasoning_open = true;
  params.marks.reasoning_budget = 0;
  params.marks.reasoning_closing = {9};
  rig.submit(1, {3, 1, 4}, params);
  check_answer(rig, 1, joined({9}, free_answer({3, 1, 4, 9}, 2)), FinishReason::kLength);
  rig.close();
}
