// What the text of an answer says while it is free: where its reasoning stands, and where something begins that a
// grammar governs.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/sampling/grammar.h"
#include "engine/types.h"

namespace llm {

// A text that is looked for: a byte is itself, a special token 256 + its id. So letters never stand for a special
// token.
using Symbols = std::vector<int32_t>;

// Mirrors Marks in lib/engine/boundary.ts, where the fields are described.
struct Marks {
  std::vector<int32_t> triggers, openers;  // sequences of symbols, each behind its length
  bool free_again = false;
  Symbols reasoning_begin, reasoning_end;
  bool reasoning_open = false;
  bool reasoning_again = false;
  int32_t reasoning_budget = -1;
  std::vector<Token> reasoning_closing;

  // Whether the answer is free until a trigger comes.
  bool wait() const { return !triggers.empty() || !openers.empty(); }
  bool limit_reasoning() const { return reasoning_budget >= 0; }
};

// Follows one answer, a token at a time. A copy is at the same place and shares what never changes.
class AnswerMarks {
 public:
  AnswerMarks(std::shared_ptr<const Vocabulary> vocabulary, const Marks& marks);

  // What a token completed.
  struct Seen {
    size_t symbols = 0;  // bytes of the token up to the end of a trigger; 0: it completed none
    size_t before = 0;   // tokens before it in which the trigger had begun
  };
  // Takes the next token. Triggers are looked for outside the reasoning. Behind a trigger nothing is looked for in that
  // token.
  Seen take(Token token);
  // What the trigger began has ended: the text is free again.
  void restart();

  // Whether the reasoning has had as many tokens as it may have.
  bool used_up() const { return thinking_ && shared_->budget >= 0 && thought_ >= shared_->budget; }
  // The newest tokens, as many as a trigger can have begun in.
  std::span<const Token> newest(size_t count) const { return std::span(recent_).last(count); }
  // The longest token of text whose bytes are the first ones of `token`, at most `most` of them; `token` when there is
  // none.
  Token beginning(Token token, size_t most) const;

 private:
  struct Pattern {
    explicit Pattern(Symbols of);
    Symbols symbols;
    std::vector<uint32_t> shorter;  // Knuth, Morris, Pratt: the longest beginning that also ends these first ones
  };
  // What never changes.
  struct Shared {
    std::shared_ptr<const Vocabulary> vocabulary;
    Pattern begin, end;
    bool again;
    int32_t budget;
    std::vector<Pattern> triggers;
    std::vector<Symbols> openers;
    size_t longest;  // of triggers and openers
  };

  static bool advance(const Pattern& pattern, uint32_t& matched, int32_t symbol);
  bool advance_openers(int32_t symbol);
  void look_anew();
  size_t symbols_of(Token token) const;
  int32_t symbol(Token token, size_t i) const;

  std::shared_ptr<const Shared> shared_;
  bool thinking_;
  bool may_think_;                  // reasoning may begin
  int32_t thought_ = 0;             // tokens of reasoning
  bool called_ = false;             // something that a trigger began has ended
  bool opening_ = true;             // what may be an opener is all that has come
  size_t opened_ = 0;               // tokens before this one in which the opener had begun
  uint32_t begun_ = 0, ended_ = 0;  // symbols of the marks of reasoning
  std::vector<uint32_t> matched_;   // of each trigger
  std::vector<uint32_t> opener_;    // of each opener; kNever when it did not come
  std::vector<Token> recent_;
};

}  // namespace llm
