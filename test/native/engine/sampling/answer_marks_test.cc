// What is looked for in the free text of an answer: triggers, openers, and the reasoning.
#include "engine/sampling/answer_marks.h"

#include <string>

#include "engine/word_vocabulary.h"
#include "tap.h"

using llm::AnswerMarks;
using llm::Marks;
using llm::Token;

namespace {

// Takes the tokens of a text and says at which of them a trigger was complete: "token+before/symbols ".
std::string seen(WordVocabulary& words, AnswerMarks& marks, const std::vector<std::string>& text) {
  std::string found;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto [symbols, before] = marks.take(words.of(text[i]));
    if (symbols == 0) continue;
    found += std::to_string(i) + "+" + std::to_string(before) + "/" + std::to_string(symbols) + " ";
    marks.restart();
  }
  return found;
}

}  // namespace

TEST("answer marks: a trigger is found over tokens and inside of one, and a special token is no letters") {
  WordVocabulary words({"a", "<c", "al", "l>", "x<call>y", "<", "<<call>", "l", ">"}, {"<call>"});
  Marks wanted;
  wanted.triggers = WordVocabulary::flat({words.letters("<call>")});
  AnswerMarks marks(words.vocabulary, wanted);
  CHECK_EQUAL(seen(words, marks, {"a", "<c", "al", "l>"}), "3+2/2 ");
  CHECK_EQUAL(seen(words, marks, {"x<call>y"}), "0+0/7 ");
  CHECK_EQUAL(seen(words, marks, {"<", "<<call>", "<", "a", "<c", "al", "l", ">"}), "1+0/7 7+3/1 ");
  CHECK_EQUAL(seen(words, marks, {"<call>"}), "");
  wanted.triggers = WordVocabulary::flat({words.special("<call>")});
  AnswerMarks tokens(words.vocabulary, wanted);
  CHECK_EQUAL(seen(words, tokens, {"<c", "al", "l>", "<call>", "a"}), "3+0/1 ");
}

TEST("answer marks: an opener stands at the beginning, and its white space does not count") {
  WordVocabulary words({"\n", "{", " {\"name\"", ":", "\"f g\"", "\"", "f", " g", "a", ";", "}"}, {});
  Marks wanted;
  wanted.openers = WordVocabulary::flat({words.letters("{\"name\":\"f\""), words.letters("{\"name\":\"f g\"")});
  const auto found = [&](const std::vector<std::string>& text) {
    AnswerMarks marks(words.vocabulary, wanted);
    return seen(words, marks, text);
  };
  CHECK_EQUAL(found({"\n", " {\"name\"", "\n", ":", "\"f g\""}), "4+3/5 ");
  CHECK_EQUAL(found({" {\"name\"", ":", "\"", "f", "\""}), "4+4/1 ");
  CHECK_EQUAL(found({" {\"name\"", ":", "\"", "\n", "f", "\""}), "");  // inside quotes it counts
  CHECK_EQUAL(found({"a", " {\"name\"", ":", "\"f g\""}), "");
  CHECK_EQUAL(found({";", " {\"name\"", ":", "\"f g\""}), "");  // nothing was called before
  CHECK_EQUAL(found({" {\"name\"", ":", "\"f g\"", "\n", ";", " {\"name\"", ":", "\"f g\""}), "2+2/5 7+2/5 ");
}

TEST("answer marks: nothing is a trigger inside the reasoning, whose tokens are counted") {
  WordVocabulary words({"a", "<t>", "</", "t>", "!"}, {});
  Marks wanted;
  wanted.triggers = WordVocabulary::flat({words.letters("!")});
  wanted.openers = WordVocabulary::flat({words.letters("a!")});
  wanted.reasoning_begin = words.letters("<t>");
  wanted.reasoning_end = words.letters("</t>");
  wanted.reasoning_budget = 2;
  AnswerMarks marks(words.vocabulary, wanted);
  CHECK_EQUAL(seen(words, marks, {"!", "<t>", "!", "</", "t>", "!"}), "0+0/1 5+0/1 ");
  for (const bool again : {false, true}) {
    wanted.reasoning_open = true;
    wanted.reasoning_again = again;
    AnswerMarks open(words.vocabulary, wanted);
    CHECK(!open.used_up());
    open.take(words.of("a"));
    CHECK(!open.used_up());
    open.take(words.of("a"));
    CHECK(open.used_up());
    CHECK_EQUAL(seen(words, open, {"</", "t>"}), "");
    CHECK(!open.used_up());
    open.take(words.of("<t>"));
    CHECK_EQUAL(open.used_up(), again);
  }
}

TEST("answer marks: the longest token that a text begins with") {
  WordVocabulary words({"c", "ca", "call", "calls", "x"}, {"cal"});
  const AnswerMarks marks(words.vocabulary, {});
  CHECK_EQUAL(marks.beginning(words.of("calls"), 4), words.of("call"));
  CHECK_EQUAL(marks.beginning(words.of("calls"), 3), words.of("ca"));
  CHECK_EQUAL(marks.beginning(words.of("x"), 0), words.of("x"));
  CHECK_EQUAL(marks.beginning(words.of("cal"), 1), words.of("cal"));
}
