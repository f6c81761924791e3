// Constraining answers to a grammar: what the engine asks of whatever understands grammars. Nothing here knows how a
// grammar is written or which library compiles it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/types.h"

namespace llm {

// Mirrors Grammar in lib/engine/boundary.ts.
struct Grammar {
  std::string kind;  // "" for none
  std::string source;
  bool none() const { return kind.empty(); }
};

// Mirrors Vocabulary in lib/engine/boundary.ts, where the fields are described.
struct Vocabulary {
  std::vector<uint8_t> bytes;
  std::vector<uint32_t> offsets;
  std::vector<uint8_t> special;
  std::vector<Token> end_tokens;
};

// One bit for each token, the lowest of the first word for token 0. A token behind the last word is not allowed.
using TokenMask = std::span<uint32_t>;
constexpr size_t mask_words(size_t tokens) { return (tokens + 31) / 32; }

// The place of one answer in its grammar. One thread at a time; every method throws Failure: ERR_GRAMMAR when the
// grammar is too much to compute, in the words of the library. After a throw the matcher is of no use any more.
class GrammarMatcher {
 public:
  virtual ~GrammarMatcher() = default;

  // Sets the bits of the tokens that may come next, end tokens included where the grammar may end here, and clears the
  // others. Not after ended().
  virtual void mask(TokenMask mask) = 0;
  // How many of these tokens may come one after another. Changes nothing.
  virtual size_t fitting(std::span<const Token> tokens) = 0;
  // Takes a token, which the mask must allow.
  virtual void accept(Token token) = 0;
  // Takes back the newest tokens.
  virtual void rollback(size_t tokens) = 0;
  // Appends the tokens that must come next, at most `most` of them. The mask of each would allow that one only, so an
  // answer is the same with and without this.
  virtual void forced(size_t most, std::vector<Token>& tokens) = 0;
  // Whether the answer may end here,
  virtual bool accepting() = 0;
  // and whether nothing can follow.
  virtual bool ended() = 0;
  // Another answer at the same place.
  virtual std::unique_ptr<GrammarMatcher> fork() const = 0;
  // An estimate, for caches.
  virtual size_t bytes() const = 0;
};

// One thread at a time.
class GrammarCompiler {
 public:
  virtual ~GrammarCompiler() = default;
  // The beginning of a grammar. Throws Failure: ERR_GRAMMAR, and what is wrong with it.
  virtual std::unique_ptr<GrammarMatcher> compile(const Grammar& grammar) = 0;
};

// Null where the addon was built without grammars.
using GrammarCompilerFactory = std::function<std::unique_ptr<GrammarCompiler>(const Vocabulary&)>;

}  // namespace llm
