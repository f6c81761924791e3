// What the library of grammars does behind our interface.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <string>
#include <vector>

#include "engine/failure.h"
#include "grammar/library.h"
#include "grammar/merges.h"
#include "grammar/watchdog.h"
#include "tap.h"

namespace {

using llm::Token;

// All bytes, some words, special tokens that look like text, and two that end an answer.
struct Toy {
  llm::Vocabulary vocabulary;
  std::vector<std::string> texts;
  Token special, end, other_end;

  Toy() {
    vocabulary.offsets.push_back(0);
    for (int byte = 0; byte < 256; ++byte) add(std::string(1, static_cast<char>(byte)));
    for (const char* word : {"na", "me", "name", "{\"", "\":", "\":\"", "true", "12"}) add(word);
    special = add("<|tool|>", true);
    add("abc", true);
    end = add("<|end|>", true);
    other_end = add("</s>", true);
    vocabulary.end_tokens = {end, other_end};
  }
  Token add(const std::string& text, bool special_token = false) {
    texts.push_back(text);
    vocabulary.bytes.insert(vocabulary.bytes.end(), text.begin(), text.end());
    vocabulary.offsets.push_back(static_cast<uint32_t>(vocabulary.bytes.size()));
    vocabulary.special.push_back(special_token ? 1 : 0);
    return static_cast<Token>(texts.size() - 1);
  }
  Token of(const std::string& text) const {
    return static_cast<Token>(std::find(texts.begin(), texts.end(), text) - texts.begin());
  }
  size_t size() const { return texts.size(); }
};

// The matcher of a grammar, or the words that refuse it.
struct Made {
  Toy toy;
  std::unique_ptr<llm::GrammarMatcher> matcher;
  std::string refusal;

  Made(const std::string& kind, const std::string& source, Toy with = {}) : toy(std::move(with)) {
    try {
      matcher = llm::grammar_compilers()(toy.vocabulary)->compile({kind, source});
    } catch (const llm::Failure& failure) {
      CHECK_EQUAL(std::string(llm::name_of(failure.code())), "ERR_GRAMMAR");
      refusal = failure.what();
    }
  }
  std::vector<Token> allowed() {
    std::vector<uint32_t> mask(llm::mask_words(toy.size()));
    matcher->mask(mask);
    std::vector<Token> tokens;
    for (size_t token = 0; token < toy.size(); ++token) {
      if ((mask[token / 32] >> token % 32 & 1) != 0) tokens.push_back(static_cast<Token>(token));
    }
    return tokens;
  }
  bool allows(const std::string& text) { return std::ranges::count(allowed(), toy.of(text)) > 0; }
  void accept(const std::string& text) {
    for (const char c : text) matcher->accept(toy.of(std::string(1, c)));
  }
};

const char* const kPerson =
    R"({"type":"object","properties":{"long_name":{"type":"string"}},"required":["long_name"],"additionalProperties":false,"x-guidance":{"whitespace_flexible":false}})";

}  // namespace

TEST("llguidance: names itself") { CHECK_EQUAL(llm::grammar_library(), "llguidance 1.9.1"); }

TEST("llguidance: a regular expression allows what it says, and ends") {
  Made made("regex", "ab+c?");
  CHECK_EQUAL(made.allowed(), std::vector<Token>{'a'});
  CHECK(!made.matcher->accepting());
  made.accept("ab");
  CHECK(made.matcher->accepting());
  CHECK(!made.matcher->ended());
  CHECK_EQUAL(made.allowed(), (std::vector<Token>{'b', 'c', made.toy.end, made.toy.other_end}));
  made.accept("c");
  CHECK(made.matcher->ended());
}

TEST("llguidance: each end token ends an answer where its grammar may end") {
  for (const bool other : {false, true}) {
    Made made("regex", "a+");
    made.accept("a");
    made.matcher->accept(other ? made.toy.other_end : made.toy.end);
    CHECK(made.matcher->ended());
  }
}

TEST("llguidance: a vocabulary without an end token has grammars that end by themselves") {
  Toy toy;
  toy.vocabulary.end_tokens.clear();
  Made made("regex", "ab?", toy);
  made.accept("a");
  CHECK_EQUAL(made.allowed(), std::vector<Token>{'b'});
  made.accept("b");
  CHECK(made.matcher->ended());
}

TEST("llguidance: what is forced is what the masks allow alone") {
  Made made("json_schema", kPerson), same("json_schema", kPerson);
  std::vector<Token> forced;
  made.matcher->forced(64, forced);
  CHECK(forced.size() >= 2);
  std::string text;
  for (const Token token : forced) {
    text += made.toy.texts[static_cast<size_t>(token)];
    CHECK_EQUAL(same.allowed(), std::vector<Token>{token});
    same.matcher->accept(token);
  }
  CHECK_EQUAL(text, std::string("{\"long_name\":\"").substr(0, text.size()));
  CHECK_EQUAL(made.matcher->fitting(forced), forced.size());
  std::vector<Token> fewer;
  made.matcher->forced(1, fewer);
  CHECK_EQUAL(fewer, std::vector<Token>{forced[0]});
}

TEST("llguidance: special tokens are never part of a string, whatever they look like") {
  Made made("json_schema", kPerson);
  made.accept("{\"long_name\":\"");
  CHECK(made.allows("na"));
  CHECK(made.allows("<"));
  for (const char* text : {"<|tool|>", "abc", "<|end|>", "</s>"}) CHECK(!made.allows(text));
}

TEST("llguidance: a grammar may name a special token") {
  Made made("lark", "start: <|tool|> \"a\"");
  CHECK_EQUAL(made.refusal, "");
  CHECK_EQUAL(made.allowed(), std::vector<Token>{made.toy.special});
}

TEST("llguidance: guesses fit as far as the grammar takes them, and nothing changes") {
  Made made("regex", "ab[cd]e");
  const std::vector<Token> guesses{'a', 'b', 'x', 'e'};
  CHECK_EQUAL(made.matcher->fitting(guesses), size_t{2});
  CHECK_EQUAL(made.matcher->fitting(std::span(guesses).first(2)), size_t{2});
  CHECK_EQUAL(made.matcher->fitting({}), size_t{0});
  made.accept("abc");
}

TEST("llguidance: tokens are taken back, also those that ended the answer") {
  Made made("regex", "ab[cd]e");
  made.accept("abce");
  CHECK(made.matcher->ended());
  made.matcher->rollback(2);
  CHECK(!made.matcher->ended());
  CHECK_EQUAL(made.allowed(), (std::vector<Token>{'c', 'd'}));
}

TEST("llguidance: a fork goes its own way") {
  Made made("regex", "a(bc|de)");
  made.accept("a");
  const auto fork = made.matcher->fork();
  made.accept("b");
  fork->accept('d');
  CHECK_EQUAL(made.allowed(), std::vector<Token>{'c'});
  fork->accept('e');
  CHECK(fork->ended());
  CHECK(!made.matcher->ended());
}

TEST("llguidance: what is wrong or not supported is refused in words") {
  const auto refusal = [](const std::string& kind, const std::string& source) { return Made(kind, source).refusal; };
  const auto holds = [](const std::string& text, const std::string& part) {
    if (text.find(part) == std::string::npos) std::printf("# found: %s\n", text.c_str());
    return text.find(part) != std::string::npos;
  };
  CHECK(holds(refusal("json_schema", R"({"not":{"type":"string"}})"), "not"));
  CHECK(holds(refusal("json_schema", R"({"type":"array","uniqueItems":true})"), "uniqueItems"));
  CHECK(holds(refusal("json_schema", "{"), "EOF"));
  CHECK(!refusal("regex", "a(").empty());
  CHECK(!refusal("lark", "start: nothing").empty());
  CHECK(holds(refusal("regex", std::string("a\0b", 3)), "NUL"));
}

TEST("llguidance: hostile grammars end as errors, and the longest chain of references needs no larger stack of ours") {
  const std::string open(100000, '('), close(100000, ')');
  CHECK(!Made("lark", "start: " + open + "\"a\"" + close).refusal.empty());
  CHECK(!Made("regex", open + "a" + close).refusal.empty());
  std::string nested, chain = R"({"$ref":"#/$defs/d0","$defs":{)";
  for (int i = 0; i < 20000; ++i) nested += R"({"type":"array","items":)";
  CHECK(!Made("json_schema", nested).refusal.empty());
  CHECK(
      !Made("json_schema", R"({"type":"string","pattern":"^(a|b)*a(a|b){400}$","maxLength":100000})").refusal.empty());
  for (int i = 0; i < 6000; ++i) {
    chain.append("\"d").append(std::to_string(i)).append(R"(":{"$ref":"#/$defs/d)");
    chain.append(std::to_string(i + 1)).append("\"},");
  }
  CHECK_EQUAL(Made("json_schema", chain + R"("d6000":{"type":"null"}}})").refusal, "");
}

TEST("llguidance: of many bytes that must follow only the first become tokens") {
  const Toy toy;
  const llm::Merges merges(toy.vocabulary);
  CHECK_EQUAL(merges.tokenize(std::string(1'000'000, 'x')).size(), size_t{4096});
  Made made("regex", "x{5000}");
  std::vector<Token> forced;
  made.matcher->forced(10'000, forced);
  CHECK(!forced.empty());
  CHECK(forced.size() <= 4096);
  for (const Token token : forced) made.matcher->accept(token);
  CHECK(made.allows("x"));
}

TEST("watchdog: stops what computes, once") {
  llm::Watchdog watchdog(1);
  for (int i = 0; i < 2; ++i) {
    std::atomic<int> stopped = 0;
    const llm::Watchdog::Watch watch(watchdog, [&] { ++stopped; });
    volatile unsigned work = 0;
    while (stopped == 0) work = work + 1;
    CHECK_EQUAL(stopped.load(), 1);
  }
}

TEST("watchdog: nothing is stopped that has ended before its time") {
  std::atomic<int> stopped = 0;
  {
    llm::Watchdog watchdog(1e9);
    for (int i = 0; i < 1000; ++i) const llm::Watchdog::Watch watch(watchdog, [&] { ++stopped; });
  }
  CHECK_EQUAL(stopped.load(), 0);
}
