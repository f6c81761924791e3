// Which texts the grammars of JSON Schemas take, and how long compiling and masks last. Run by bench/schemas/texts.mjs,
// which writes to standard input, each list with its length before it, all of them 32-bit integers: the vocabulary
// (offsets, bytes, special, end tokens), then schema after schema (source, number of texts, the tokens of each).
// Answers each schema with a line of JSON.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "engine/sampling/grammar.h"
#include "grammar/library.h"

namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

bool read(void* target, size_t bytes) { return std::fread(target, 1, bytes, stdin) == bytes; }

template <class List>
bool read(List& list) {
  uint32_t length = 0;
  if (!read(&length, sizeof(length))) return false;
  list.resize(length);
  return read(list.data(), length * sizeof(list[0]));
}

// A text of the library as JSON. It is UTF-8.
std::string quoted(const char* text) {
  std::string json = "\"";
  for (; *text != '\0'; ++text) {
    if (*text == '"' || *text == '\\') json += '\\';
    json += static_cast<unsigned char>(*text) < ' ' ? ' ' : *text;
  }
  return json + '"';
}

struct Followed {
  bool accepted = false;
  std::vector<double> masks;  // milliseconds
};

// A text goes through if each token is in its mask, and the text may end where it does.
Followed follow(llm::GrammarMatcher& matcher, const std::vector<llm::Token>& text, std::vector<uint32_t>& mask) {
  Followed followed;
  for (const llm::Token token : text) {
    if (matcher.ended()) return followed;
    const auto begin = std::chrono::steady_clock::now();
    matcher.mask(mask);
    followed.masks.push_back(Milliseconds(std::chrono::steady_clock::now() - begin).count());
    const auto at = static_cast<size_t>(token);
    if ((mask[at / 32] >> (at % 32) & 1) == 0) return followed;
    matcher.accept(token);
  }
  followed.accepted = matcher.accepting();
  return followed;
}

void print(const std::vector<double>& numbers) {
  const char* comma = "";
  for (const double number : numbers) {
    std::printf("%s%.4f", comma, number);
    comma = ",";
  }
}

}  // namespace

int main() {
  llm::Vocabulary vocabulary;
  if (!read(vocabulary.offsets) || !read(vocabulary.bytes) || !read(vocabulary.special) || !read(vocabulary.end_tokens))
    return 2;
  const llm::GrammarCompilerFactory compilers = llm::grammar_compilers();
  if (compilers == nullptr) return 3;
  const auto compiler = compilers(vocabulary);
  std::vector<uint32_t> mask(llm::mask_words(vocabulary.special.size()));
  for (llm::Grammar grammar{.kind = "json_schema", .source = ""}; read(grammar.source);) {
    uint32_t count = 0;
    if (!read(&count, sizeof(count))) return 2;
    std::vector<std::vector<llm::Token>> texts(count);
    for (auto& text : texts)
      if (!read(text)) return 2;
    try {
      const auto begin = std::chrono::steady_clock::now();
      const auto beginning = compiler->compile(grammar);
      const double compiled = Milliseconds(std::chrono::steady_clock::now() - begin).count();
      std::printf("{\"compile\":%.4f,\"texts\":[", compiled);
      const char* comma = "";
      for (const auto& text : texts) {
        std::printf("%s{", comma);
        comma = ",";
        try {
          const Followed followed = follow(*beginning->fork(), text, mask);
          std::printf("\"accepted\":%s,\"masks\":[", followed.accepted ? "true" : "false");
          print(followed.masks);
          std::printf("]}");
        } catch (const std::exception& failure) {
          std::printf("\"error\":%s}", quoted(failure.what()).c_str());
        }
      }
      std::printf("]}\n");
    } catch (const std::exception& failure) {
      std::printf("{\"error\":%s}\n", quoted(failure.what()).c_str());
    }
    std::fflush(stdout);
  }
  return 0;
}
