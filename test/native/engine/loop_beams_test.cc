// Beam search in the loop: what it finds, and that neither company nor a small cache, a border of position factors or
// the end of a neighbour changes it. That the rules are transformers' is tested on a model (test/llm/beams.test.ts).
#include <cmath>
#include <limits>

#include "engine/rig.h"

using llm::FinishReason;
using llm::Token;
using Tokens = std::vector<Token>;
using Ids = std::vector<llm::SequenceId>;

namespace {

llm::RequestParams beams(int32_t count, int32_t max_new_tokens) {
  auto params = length(max_new_tokens);
  params.num_beams = count;
  return params;
}

struct Found {
  Tokens tokens;
  double score;
};

// Which tokens a grammar allows at each place; none: all but the last token, which ends answers.
using Places = std::vector<std::vector<size_t>>;

bool allows(const Places& places, size_t place, size_t token, size_t tokens) {
  if (places.empty()) return true;
  const auto& allowed = places.at(place);
  if (allowed.empty()) return token + 1 < tokens;
  return std::find(allowed.begin(), allowed.end(), token) != allowed.end();
}

// The same search as a book has it: everything is computed anew, everything is sorted.
std::vector<Found> searched(const Tokens& prompt, const llm::RequestParams& params, const Plan& plan,
                            const Places& places) {
  const auto size = static_cast<size_t>(params.num_beams);
  const auto& stops = params.stop_token_ids;
  const auto better = [](const Found& a, const Found& b) { return a.score > b.score; };
  std::vector<Found> running{{{}, 0}}, ended;
  for (size_t length = 1;; ++length) {
    std::vector<Found> all;
    for (const auto& [answer, score] : running) {
      Tokens tokens = prompt;
      tokens.insert(tokens.end(), answer.begin(), answer.end());
      std::vector<float> logits(plan.vocabulary);
      plan.fill_as(llm::RopeBorder(plan.long_rope_border).of(tokens.size()), tokens, logits);
      double sum = 0;
      for (float logit : logits) sum += std::exp(static_cast<double>(logit));
      for (size_t i = 0; i < logits.size(); ++i) {
        if (!allows(places, length - 1, i, logits.size())) continue;
        all.push_back({answer, score + static_cast<double>(logits[i]) - std::log(sum)});
        all.back().tokens.push_back(static_cast<Token>(i));
      }
    }
    std::stable_sort(all.begin(), all.end(), better);
    all.resize(std::min(all.size(), size * std::max<size_t>(2, 1 + stops.size())));
    running.clear();
    const bool last = length == static_cast<size_t>(params.max_new_tokens) || length == places.size();
    for (size_t rank = 0; rank < all.size(); ++rank) {
      const bool ends = last || std::find(stops.begin(), stops.end(), all[rank].tokens.back()) != stops.end();
      if (!ends && running.size() < size) running.push_back(all[rank]);
      if (!ends || rank >= size) continue;
      ended.push_back(all[rank]);
      ended.back().score /= std::pow(static_cast<double>(length), params.length_penalty);
    }
    std::stable_sort(ended.begin(), ended.end(), better);
    if (ended.size() > size) ended.resize(size);
    const auto possible = [&] {
      return running.front().score / std::pow(static_cast<double>(length), params.length_penalty);
    };
    if (last || (ended.size() == size && (params.early_stopping == llm::kAtOnce || possible() <= ended.back().score)))
      return ended;
  }
}

// The answers have come whole, the best first.
void check_searched(Rig& rig, const Ids& ids, const Tokens& prompt, const llm::RequestParams& params,
                    const Places& places = {}) {
  const auto expected = searched(prompt, params, rig.plan, places);
  for (size_t i = 0; i < ids.size(); ++i) {
    const Answer answer = rig.log.end_of(ids[i]);
    CHECK_EQUAL(answer.code + answer.message, "");
    CHECK_EQUAL(answer.tokens, expected[i].tokens);
    CHECK(std::abs(answer.score.value_or(0) - expected[i].score) < 1e-4);
    const auto& stops = params.stop_token_ids;
    const bool stopped = std::find(stops.begin(), stops.end(), answer.tokens.back()) != stops.end();
    const bool whole = !places.empty() && answer.tokens.size() == places.size();
    CHECK(answer.reason == (stopped ? FinishReason::kStop : whole ? FinishReason::kGrammar : FinishReason::kLength));
  }
}

// Nothing runs, waits or holds blocks.
void check_idle(Rig& rig) {
  const auto metrics = rig.loop().metrics();
  CHECK_EQUAL(metrics.running + metrics.waiting, int64_t{0});
  CHECK_EQUAL(metrics.kv.used, size_t{0});
}

void make_room(Rig& rig, size_t sequences, size_t blocks) {
  rig.plan.max_sequences = sequences;
  rig.plan.can_trim = rig.plan.can_fork = true;
  rig.plan.blocks = blocks;
  rig.plan.chunk = 8;
}

}  // namespace

TEST("beams: what is most likely as a whole is found where the most likely token leads astray") {
  Rig rig;
  make_room(rig, 4, 32);
  rig.plan.vocabulary = 4;
  rig.plan.fill = [](std::span<const Token> before, std::span<float> logits) {
    // 1 has probability 0.6 and two equal ways on; 2 has 0.4 and one.
    std::fill(logits.begin(), logits.end(), -20.0F);
    if (before.size() == 1) {
      logits[1] = std::log(0.6F);
      logits[2] = std::log(0.4F);
    } else if (before.back() == 1) {
      logits[0] = logits[3] = 0;
    } else {
      logits[3] = 0;
    }
  };
  rig.start();
  rig.submit(1, {0}, length(2));
  CHECK_EQUAL(rig.log.end_of(1).tokens, (Tokens{1, 0}));
  rig.submit(2, {0}, beams(2, 2));
  CHECK_EQUAL(rig.log.end_of(2).tokens, (Tokens{2, 3}));
  CHECK(std::abs(*rig.log.end_of(2).score - std::log(0.4) / 2) < 1e-6);
  check_idle(rig);
  rig.close();
}

TEST("beams: a search is that of a book, for each number of beams, penalty of length and way to stop") {
  Rig rig;
  make_room(rig, 8, 64);
  rig.start();
  llm::SequenceId id = 1;
  for (int32_t count : {2, 3, 8}) {
    for (double length_penalty : {-1.0, 0.0, 1.5}) {
      for (int32_t early : {llm::kByEstimate, llm::kAtOnce}) {
        for (const Tokens& stops : {Tokens{}, Tokens{3, 9, 17, 21}}) {
          auto params = beams(count, 9);
          params.length_penalty = length_penalty;
          params.early_stopping = early;
          params.stop_token_ids = stops;
          const Ids ids{id, id + 1};
          const Tokens prompt{static_cast<Token>(id % 31), 6, 7, 8, 9};
          rig.submit_all(ids, prompt, params);
          check_searched(rig, ids, prompt, params);
          id += 2;
        }
      }
    }
  }
  CHECK_EQUAL(rig.loop().metrics().preemptions, int64_t{0});
  check_idle(rig);
  rig.close();
}

TEST("beams: the prompt is computed once, and a step computes no more than the beams") {
  Rig rig;
  make_room(rig, 4, 64);
  rig.start();
  rig.submit_all({1, 2}, Tokens(13, 5), beams(4, 6));
  check_searched(rig, {1, 2}, Tokens(13, 5), beams(4, 6));
  CHECK_EQUAL(rig.plan.admissions(), Ids{1});
  CHECK_EQUAL(rig.plan.steps().size(), size_t{2 + 5});
  for (const auto& step : rig.plan.steps()) CHECK(step.spans.size() == (step.number <= 2 ? 1 : 4));
  rig.close();
}

TEST("beams: in a cache too small for all they give way together, and every answer is what it is alone") {
  for (size_t blocks : {28, 40}) {
    Gate all_there;
    Rig rig;
    rig.on_load = [&all_there] { all_there.pass(); };
    make_room(rig, 12, blocks);
    rig.start();
    const auto prompt = [](int id) { return Tokens{static_cast<Token>(id % 32), 2, 3, 4, 5, 6, 7, 8, 9, 10}; };
    for (int id : {1, 11, 21, 31}) rig.submit_all({id, id + 1, id + 2}, prompt(id), beams(3, 20));
    for (int id : {41, 42, 43, 44}) rig.submit(id, prompt(id), length(20));
    all_there.open();
    for (int id : {1, 11, 21, 31}) check_searched(rig, {id, id + 1, id + 2}, prompt(id), beams(3, 20));
    for (int id : {41, 42, 43, 44}) rig.check_whole(id);
    CHECK(rig.loop().metrics().preemptions > 0);
    check_idle(rig);
    rig.close();
  }
}

TEST("beams: a search begins when the batch has places for all its beams") {
  Gate all_there;
  Rig rig;
  rig.on_load = [&all_there] { all_there.pass(); };
  make_room(rig, 5, 200);
  rig.start();
  for (int id : {1, 11, 21}) rig.submit_all({id}, {static_cast<Token>(id), 4}, beams(3, 7));
  for (int id : {41, 42, 43, 44}) rig.submit(id, {static_cast<Token>(id % 32)}, length(7));
  all_there.open();
  for (int id : {1, 11, 21}) check_searched(rig, {id}, {static_cast<Token>(id), 4}, beams(3, 7));
  for (int id : {41, 42, 43, 44}) rig.check_whole(id);
  rig.close();  // the runner has seen no more than five sequences
}

TEST("beams: beyond the border of position factors all are computed again") {
  for (size_t border : {6, 9, 12}) {
    Rig rig;
    make_room(rig, 6, 64);
    rig.plan.long_rope_border = border;
    rig.start();
    rig.submit_all({1, 2}, {1, 2, 3, 4, 5}, beams(3, 12));
    rig.submit(3, {7, 8}, length(3));
    check_searched(rig, {1, 2}, {1, 2, 3, 4, 5}, beams(3, 12));
    const auto reprefills = rig.log.end_of(1).reprefills;
    CHECK(!reprefills.empty() && reprefills.front().done == 0);
    CHECK_EQUAL(reprefills.back().done, reprefills.back().total);
    CHECK(rig.log.end_of(1).timings.reprefill > 0);
    rig.check_whole(3);
    check_idle(rig);
    rig.close();
  }
}

TEST("beams: a cancelled answer leaves the others; with the last the search ends") {
  Gate reached, go;
  Rig rig;
  make_room(rig, 4, 64);
  rig.plan.on_step = [&](const Step& step) {
    if (step.number != 3) return;
    reached.open();
    go.pass();
  };
  rig.start();
  rig.submit_all({1, 2, 3}, {1, 2, 3}, beams(4, 6));
  reached.pass();
  rig.loop().cancel(1);
  rig.loop().cancel(3);
  go.open();
  const auto expected = searched({1, 2, 3}, beams(4, 6), rig.plan, {});
  CHECK_EQUAL(rig.log.end_of(2).tokens, expected[1].tokens);
  for (int id : {1, 3}) CHECK(rig.log.end_of(id).reason == FinishReason::kCancelled);
  Gate again, on;
  rig.plan.on_step = [&](const Step&) {
    again.open();
    on.pass();
  };
  rig.submit_all({4, 5}, {1, 2, 3}, beams(4, 50));
  again.pass();
  for (int id : {4, 5}) rig.loop().cancel(id);
  on.open();
  for (int id : {4, 5}) CHECK(rig.log.end_of(id).reason == FinishReason::kCancelled);
  check_idle(rig);
  rig.close();
}

TEST("beams: a step that fails ends all answers of the search, and the next search is whole") {
  Rig rig;
  make_room(rig, 4, 64);
  rig.plan.on_step = [&](const Step& step) {
    if (step.number == 3) throw llm::Failure(llm::ERR_ENGINE, "broken");
  };
  rig.start();
  rig.submit_all({1, 2}, {1, 2, 3}, beams(4, 6));
  for (int id : {1, 2}) rig.check_failed(id, llm::ERR_ENGINE, "broken");
  rig.submit_all({3, 4}, {1, 2, 3}, beams(4, 6));
  check_searched(rig, {3, 4}, {1, 2, 3}, beams(4, 6));
  check_idle(rig);
  rig.close();
}

TEST("beams: logits that are not finite end the search alone") {
  Rig rig;
  make_room(rig, 6, 64);
  rig.plan.fill = [](std::span<const Token> before, std::span<float> logits) {
    fill_logits(before, logits);
    if (before.front() == 9 && before.size() > 4) logits[0] = std::numeric_limits<float>::quiet_NaN();
  };
  rig.start();
  rig.submit_all({1, 2}, {9, 2, 3}, beams(4, 6));
  rig.submit(3, {1, 2, 3}, length(9));
  for (int id : {1, 2}) CHECK_EQUAL(rig.log.end_of(id).code, std::string("ERR_NON_FINITE"));
  rig.check_whole(3);
  check_idle(rig);
  rig.close();
}

TEST("beams: when the options allow fewer answers than are wanted, the request says so") {
  Rig rig;
  make_room(rig, 4, 64);
  rig.start();
  auto params = beams(3, 2);
  for (Token token = 0; token < 32; ++token) {
    if (token != 5) params.suppress_tokens.push_back(token);
  }
  rig.submit_all({1}, {1, 2}, params);
  CHECK_EQUAL(rig.log.end_of(1).tokens, (Tokens{5, 5}));
  rig.submit_all({2, 3}, {1, 2}, params);
  for (int id : {2, 3}) {
    rig.check_failed(id, llm::ERR_NO_TOKEN,
                     "the beam search found 1 answers and was asked for 2: the options of the request ban all others");
  }
  rig.close();
}

TEST("beams: what the runner or its cache can never hold fails before it runs") {
  for (bool can_fork : {false, true}) {
    Rig rig;
    make_room(rig, can_fork ? 3 : 1, 16);
    rig.plan.can_trim = rig.plan.can_fork = can_fork;
    rig.start();
    rig.submit(1, {1, 2}, beams(4, 3));
    rig.check_failed(1, llm::ERR_UNSUPPORTED_MODEL,
                     "numBeams is 4; the checked runner computes " + std::string(can_fork ? "3" : "1") +
                         " sequences that come from each other");
    if (can_fork) {
      // 17 tokens are 5 blocks, of which the prompt's first is shared; each beam needs one more for a while.
      rig.submit(2, {1, 2, 3, 4, 5}, beams(3, 12));
      check_searched(rig, {2}, {1, 2, 3, 4, 5}, beams(3, 12));
      rig.submit(3, {1, 2, 3, 4, 5}, beams(3, 16));
      rig.check_failed(3, llm::ERR_CONTEXT_LENGTH,
                       "3 beams of prompt and answer may need 76 tokens; the KV cache holds 64");
    }
    rig.close();
  }
}

TEST("beams: groups choose one after the other, and each counts what those before chose") {
  Rig rig;
  make_room(rig, 4, 64);
  rig.start();
  const auto first_tokens = [&](llm::SequenceId id, double penalty) {
    auto params = beams(4, 1);
    params.num_beam_groups = 4;
    params.diversity_penalty = penalty;
    rig.submit_all({id, id + 1, id + 2, id + 3}, {1, 2}, params);
    std::set<Token> tokens;
    for (auto each = id; each < id + 4; ++each) tokens.insert(rig.log.end_of(each).tokens.front());
    return tokens;
  };
  CHECK_EQUAL(first_tokens(1, 0).size(), size_t{1});
  CHECK_EQUAL(first_tokens(11, 50).size(), size_t{4});
  check_idle(rig);
  rig.close();
}

TEST("beams follow a grammar, each at its own place, and its end is the end of an answer") {
  ScriptedGrammars grammars;
  Rig rig;
  rig.grammars = grammars.compilers();
  make_room(rig, 4, 32);
  rig.start();
  auto params = beams(3, 8);
  params.grammar = {"regex", "1|2|3 4|5|* 6|7|8"};
  const Places places{{1, 2, 3}, {}, {6, 7, 8}};
  const Ids ids{1, 2, 3};
  const Tokens prompt{9, 8, 7};
  rig.submit_all(ids, prompt, params);
  check_searched(rig, ids, prompt, params, places);
  // One that ends by a stop token ends before the grammar does.
  params.grammar = {"regex", "1|2|3 * * *"};
  params.stop_token_ids = {5, 6};
  rig.submit_all({4, 5, 6}, prompt, params);
  check_searched(rig, {4, 5, 6}, prompt, params, {{1, 2, 3}, {}, {}, {}});
  check_idle(rig);
}

TEST("beams of a grammar whose mask fails, fail alone") {
  ScriptedGrammars grammars;
  grammars.on_mask = [](const std::string&, size_t place) {
    if (place == 1) throw llm::Failure(llm::ERR_GRAMMAR, "too much");
  };
  Rig rig;
  rig.grammars = grammars.compilers();
  make_room(rig, 4, 32);
  rig.start();
  auto params = beams(2, 8);
  params.grammar = {"regex", "* * *"};
  rig.submit_all({1, 2}, {1, 2}, params);
  for (const auto id : {1, 2}) CHECK_EQUAL(rig.log.end_of(id).message, "too much");
  rig.submit(3, {1, 2}, length(2));
  CHECK(rig.log.end_of(3).reason == FinishReason::kLength);
}
