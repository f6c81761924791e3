#include "engine/drafting/prompt_lookup.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tap.h"

using llm::PromptLookup;
using llm::StepCosts;
using llm::Token;
using Text = std::vector<Token>;

namespace {

const StepCosts kFree;  // nothing known: drafts cost nothing

StepCosts table(std::initializer_list<std::pair<size_t, double>> points) {
  StepCosts costs;
  for (const auto& [rows, milliseconds] : points) costs.learn(rows, milliseconds);
  return costs;
}

// SmolLM2-135M int4 on two cores without VNNI.
StepCosts measured() { return table({{1, 11}, {2, 12.5}, {4, 15}, {8, 22}, {16, 38}, {32, 70}}); }
// A large model there: every row costs almost as much as the first.
StepCosts steep() { return table({{1, 200}, {2, 320}, {4, 560}, {8, 660}, {16, 1140}, {32, 2000}}); }

Text ask(PromptLookup& lookup, const Text& tokens, size_t limit = 100, const StepCosts& costs = kFree) {
  const auto draft = lookup.propose(tokens, limit, 1, costs);
  CHECK(draft.empty() ||
        (draft.data() >= tokens.data() && draft.data() + draft.size() <= tokens.data() + tokens.size()));
  return {draft.begin(), draft.end()};
}

// A first question, asked of a new lookup.
Text ask(size_t max_ngram, const Text& tokens, size_t limit = 100, const StepCosts& costs = kFree) {
  PromptLookup lookup(max_ngram, 100, 1000);
  return ask(lookup, tokens, limit, costs);
}

// How many tokens before `position` equal the last ones.
size_t match_length(const Text& tokens, size_t position) {
  size_t length = 0;
  while (length < position && tokens[position - 1 - length] == tokens[tokens.size() - 1 - length]) ++length;
  return length;
}

Text random_text(uint32_t seed, size_t size, uint32_t alphabet) {
  std::mt19937 random(seed);
  Text text(size);
  for (auto& token : text) token = static_cast<Token>(random() % alphabet);
  return text;
}

struct Replay {
  double gain = 0;  // what the answer would cost token by token, divided by what it cost
  size_t proposed = 0;
  size_t accepted = 0;
};

// A model that answers `answer` to `prompt`; the time is what the table says.
Replay replay(Text prompt, const Text& answer, const StepCosts& costs, size_t max_tokens = 16) {
  const size_t begin = prompt.size();
  prompt.insert(prompt.end(), answer.begin(), answer.end());
  PromptLookup lookup(3, max_tokens, prompt.size());
  Replay result;
  double spent = 0;
  for (size_t at = begin; at < prompt.size();) {
    const auto tokens = std::span<const Token>(prompt).first(at);
    const auto draft = lookup.propose(tokens, prompt.size() - at - 1, 1, costs);
    const auto wrong = std::mismatch(draft.begin(), draft.end(), prompt.begin() + static_cast<ptrdiff_t>(at)).first;
    const auto accepted = static_cast<size_t>(wrong - draft.begin());
    lookup.verified(draft.size(), accepted);
    spent += costs.of(1 + draft.size());
    result.proposed += draft.size();
    result.accepted += accepted;
    at += accepted + 1;
  }
  result.gain = static_cast<double>(answer.size()) * costs.of(1) / spent;
  return result;
}

// Real texts (the frozen ones of bench/texts), cut into words, spaces and signs as a tokenizer would.
class Words {
 public:
  Text read(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(path + " is not there: run the tests in the package's folder");
    return cut({std::istreambuf_iterator<char>(file), {}});
  }
  Text cut(const std::string& text) {
    Text tokens;
    for (size_t begin = 0; begin < text.size();) {
      const auto is_word = [&](size_t at) { return std::isalnum(static_cast<unsigned char>(text[at])) != 0; };
      size_t end = begin + 1;
      if (text[begin] == ' ' && end < text.size() && text[end] != '\n') ++end;  // a space belongs to what follows
      while (end < text.size() && end - begin < 6 && is_word(end - 1) && is_word(end)) ++end;
      tokens.push_back(
          ids_.try_emplace(text.substr(begin, end - begin), static_cast<Token>(ids_.size())).first->second);
      begin = end;
    }
    return tokens;
  }

 private:
  std::map<std::string, Token> ids_;
};

// What a model does that edits: here and there a token is replaced, a stretch left out, another put in.
Text edited(const Text& text, size_t every) {
  std::mt19937 random(7);
  Text result;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto kind = random() % (3 * every);
    if (kind == 0) result.push_back(1'000'000 + static_cast<Token>(random() % 50));
    if (kind == 1) i += random() % 20;
    if (kind == 2) {
      for (size_t count = random() % 12; count > 0; --count) result.push_back(static_cast<Token>(random() % 500));
    }
    if (i < text.size() && kind != 0) result.push_back(text[i]);
  }
  return result;
}

}  // namespace

TEST("prompt lookup: the longest match first, of equally long ones the newest") {
  CHECK_EQUAL(ask(3, {1, 2, 3, 10, 9, 2, 3, 20, 8, 3, 30, 7, 1, 2, 3}, 1), Text{10});
  CHECK_EQUAL(ask(2, {1, 2, 3, 10, 9, 2, 3, 20, 8, 3, 30, 7, 1, 2, 3}, 1), Text{20});
  CHECK_EQUAL(ask(1, {1, 2, 3, 10, 9, 2, 3, 20, 8, 3, 30, 7, 1, 2, 3}, 1), Text{30});
  CHECK_EQUAL(ask(3, {1, 2, 3, 10, 1, 2, 3, 20, 1, 2, 3}, 1), Text{20});
  CHECK_EQUAL(ask(3, {3, 10, 5, 3, 20, 5, 4, 3}, 1), Text{20});  // one token is better than none
}

TEST("prompt lookup: no match, no draft, and the last tokens do not match themselves") {
  for (size_t max_ngram : {1, 2, 3, 50}) {
    CHECK_EQUAL(ask(max_ngram, {}), Text{});
    CHECK_EQUAL(ask(max_ngram, {1}), Text{});
    CHECK_EQUAL(ask(max_ngram, {1, 2}), Text{});
    CHECK_EQUAL(ask(max_ngram, {1, 2, 3, 4, 5}), Text{});
    CHECK_EQUAL(ask(max_ngram, {1, 1}), (Text{1, 1}));
    CHECK_EQUAL(ask(max_ngram, {0, 0, 0}, 1), Text{0});
  }
}

TEST("prompt lookup: drafts end with the text, the limit and max_tokens") {
  const Text text{1, 2, 3, 4, 5, 6, 1, 2};
  CHECK_EQUAL(ask(3, text), (Text{3, 4, 5, 6, 1, 2}));  // not padded
  CHECK_EQUAL(ask(3, text, 3), (Text{3, 4, 5}));
  CHECK_EQUAL(ask(3, text, 0), Text{});
  PromptLookup two(3, 2, 100);
  CHECK_EQUAL(ask(two, text), (Text{3, 4}));
  PromptLookup none(3, 0, 100);
  CHECK_EQUAL(ask(none, text), Text{});
}

TEST("prompt lookup: a text with a period is drafted beyond its end") {
  CHECK_EQUAL(ask(3, Text(20, 7), 8), Text(8, 7));
  CHECK_EQUAL(ask(3, {9, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1}, 5), (Text{2, 3, 1, 2, 3}));
  CHECK_EQUAL(ask(3, {9, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1}, 100).size(), size_t{9});
  CHECK_EQUAL(ask(3, {9, 1, 2, 3, 1, 2}, 100), (Text{3, 1, 2}));  // seen once: no period
  // Whatever is drafted is what a period says.
  for (uint32_t seed = 0; seed < 300; ++seed) {
    Text text = random_text(seed, 20, 2);
    const Text draft = ask(3, text, 12);
    const Text one = ask(3, text, 1);
    CHECK_EQUAL(draft.front(), one.front());
    for (size_t i = 1; i < draft.size(); ++i) {
      text.push_back(draft[i - 1]);
      const size_t longest = [&] {
        size_t best = 0;
        for (size_t position = 1; position < text.size(); ++position)
          best = std::max(best, match_length(text, position));
        return best;
      }();
      CHECK(longest >= 3 || longest >= i);  // the draft itself is in the text already
    }
  }
}

TEST("prompt lookup: as found by looking at every place, however the text grew") {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    const size_t max_ngram = 1 + random() % 6;
    const Text text = random_text(random(), 64, 2 + random() % 12);
    PromptLookup grown(max_ngram, 10, text.size());
    for (size_t size = 0; size <= text.size(); size += 1 + random() % 4) {
      const Text tokens(text.begin(), text.begin() + static_cast<ptrdiff_t>(size));
      size_t longest = 0;
      size_t newest = 0;
      for (size_t position = 1; position < size; ++position) {
        const size_t length = std::min(match_length(tokens, position), max_ngram);
        if (length == 0 || length < longest) continue;
        longest = length;
        newest = position;
      }
      CHECK_EQUAL(ask(max_ngram, tokens, 1), longest == 0 ? Text{} : Text{tokens[newest]});
      // One that followed the text may stay with an older match, of the same length.
      const auto draft = grown.propose(tokens, 1, 1, kFree);
      CHECK_EQUAL(draft.empty(), longest == 0);
      if (draft.empty()) continue;
      const size_t found = std::min(match_length(tokens, static_cast<size_t>(draft.data() - tokens.data())), max_ngram);
      CHECK_EQUAL(found, longest);
    }
  }
}

TEST("prompt lookup: a copy stays with its source") {
  // 4 5 6 was seen again later with another continuation, but we come from 1 2 3.
  const Text text{1, 2, 3, 4, 5, 6, 7, 8, 0, 4, 5, 6, 9, 9, 0, 1, 2, 3};
  PromptLookup lookup(2, 10, 100);
  Text tokens = text;
  for (Token next : {4, 5, 6, 7, 8}) {
    CHECK_EQUAL(ask(lookup, tokens, 1), Text{next});
    tokens.push_back(next);
  }
}

TEST("prompt lookup: a match is found far back in a long text, and the index grows with it") {
  Text text = random_text(1, 50000, 1'000'000);
  const Text copied(text.begin() + 10, text.begin() + 30);
  PromptLookup at_once(3, 8, 131072);
  PromptLookup grown(3, 8, 131072);
  for (size_t size = 2; size < text.size(); size += 1 + size / 9) {
    grown.propose(std::span(text).first(size), 8, 1, kFree);
  }
  text.insert(text.end(), copied.begin(), copied.begin() + 5);
  CHECK_EQUAL(ask(at_once, text, 8), Text(copied.begin() + 5, copied.begin() + 13));
  CHECK_EQUAL(ask(grown, text, 8), Text(copied.begin() + 5, copied.begin() + 13));
}

TEST("prompt lookup: a longer sequence than was said is refused") {
  PromptLookup lookup(3, 8, 4);
  ask(lookup, {1, 1, 1, 1});
  bool refused = false;
  try {
    ask(lookup, {1, 1, 1, 1, 1});
  } catch (const std::logic_error&) {
    refused = true;
  }
  CHECK(refused);
}

TEST("prompt lookup: drafts as many as pay, none when rows cost too much") {
  Text text(40);
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<Token>(i);
  text.insert(text.end(), text.begin(), text.begin() + 8);  // a match of 8
  const auto count = [&](const StepCosts& costs, size_t rows = 1) {
    PromptLookup lookup(3, 30, 100);
    return lookup.propose(text, 30, rows, costs).size();
  };
  CHECK_EQUAL(count(table({{1, 100}, {2, 100}, {32, 100}})), size_t{30});
  CHECK_EQUAL(count(table({{1, 100}, {2, 200}, {32, 3200}})), size_t{0});
  // Free up to 8 rows, then dear.
  CHECK_EQUAL(count(table({{1, 100}, {8, 100}, {12, 300}, {32, 3000}})), size_t{7});
  // The same tokens cost everybody time: 7 sequences more would wait.
  CHECK_EQUAL(count(table({{1, 100}, {8, 100}, {12, 300}, {32, 3000}}), 8), size_t{0});
  CHECK_EQUAL(count(table({{1, 100}, {8, 100}, {12, 300}, {32, 3000}}), 5), size_t{3});
}

TEST("prompt lookup: wrong drafts end it, and it learns from the text that it would be accepted again") {
  const StepCosts costs = measured();
  Text text;
  PromptLookup lookup(3, 16, 4000);
  // Pairs repeat, but what follows them does not: a match of two tokens is always wrong.
  size_t late = 0;
  for (int i = 0; i < 600; ++i) {
    text.push_back(i % 3 == 0 ? 1 : i % 3 == 1 ? 2 : 100 + i);
    const size_t drafts = ask(lookup, text, 16, costs).size();
    if (i % 3 == 1) lookup.verified(drafts, 0);
    if (i >= 300 && i % 3 == 1) late += drafts;
  }
  CHECK_EQUAL(late, size_t{0});
  // Then it repeats itself: nobody drafts, yet soon it pays.
  const Text period = [] {
    Text numbers(30);
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = 5000 + static_cast<Token>(i);
    return numbers;
  }();
  size_t until = 0;
  for (size_t i = 0; i < 300; ++i) {
    text.push_back(period[i % period.size()]);
    if (!ask(lookup, text, 16, costs).empty()) {
      until = i;
      break;
    }
  }
  CHECK(until >= period.size());
  CHECK(until < 2 * period.size());
}

TEST("prompt lookup: it learns the same from verified() and from the text") {
  const StepCosts costs = table({{1, 10}, {2, 14}});
  const Text text = random_text(4, 1000, 3);
  PromptLookup told(3, 1, 5000), watching(3, 1, 5000);
  size_t drafts = 0;
  for (size_t size = 2; size < text.size(); ++size) {
    const auto tokens = std::span<const Token>(text).first(size);
    const auto draft = told.propose(tokens, 1, 1, costs);
    CHECK_EQUAL(draft.size(), watching.propose(tokens, 1, 1, costs).size());
    told.verified(draft.size(), !draft.empty() && draft[0] == text[size] ? 1 : 0);
    drafts += draft.size();
  }
  CHECK(drafts > 0 && drafts + 2 < text.size());
}

TEST("prompt lookup: a draft is verified up to its first wrong token, however late it is looked at") {
  // 1 2 was followed by 3 4 5 6, now by 9 4 5 6: what comes after the 9 tells nothing about matches of three tokens.
  PromptLookup late(3, 8, 5000);
  Text text{1, 2, 3, 4, 5, 6};
  for (int i = 0; i < 60; ++i) {
    text.insert(text.end(), {100 + 2 * i, 101 + 2 * i, 1, 2});
    ask(late, text, 8, steep());
    text.insert(text.end(), {10000 + i, 4, 5, 6});
  }
  text.insert(text.end(), {71, 72, 73, 74, 75, 71, 72, 73});
  CHECK_EQUAL(ask(late, text, 8, steep()), ask(3, text, 8, steep()));
}

TEST("prompt lookup: replayed code editing gains at least 2.5 times") {
  Words words;
  for (const char* path : {"bench/texts/code-rename.txt", "bench/texts/code-settings.txt", "LICENSE"}) {
    const Text text = words.read(path);
    const Replay result = replay(text, edited(text, 40), measured());
    CHECK(result.gain >= 2.5);
    CHECK(result.accepted * 10 >= result.proposed * 6);
    CHECK(replay(text, edited(text, 40), steep()).gain >= 1.6);
    CHECK(replay(text, text, measured()).gain >= 4);
  }
}

TEST("prompt lookup: text that does not repeat loses next to nothing") {
  Words words;
  const Text meeting = words.read("bench/texts/summary-meeting.txt");
  const Text licence = words.read("LICENSE");
  const Text code = words.read("bench/texts/code-settings.txt");
  for (const auto& costs : {measured(), steep()}) {
    CHECK(replay({1, 2, 3}, meeting, costs).gain >= 0.985);
    CHECK(replay(meeting, licence, costs).gain >= 0.985);
    CHECK(replay(meeting, code, costs).gain >= 0.985);
    CHECK(replay({1, 2, 3}, random_text(6, 4000, 50000), costs).gain >= 0.985);
    CHECK(replay({1, 2, 3}, random_text(6, 4000, 20), costs).gain >= 0.985);  // matches everywhere, all by chance
    CHECK(replay({1, 2, 3}, random_text(6, 4000, 3), costs).gain >= 0.97);
  }
}
