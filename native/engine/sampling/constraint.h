// What one answer must be while it is computed: its grammar, whose masks are made on another thread during the forward
// pass, and the end of its reasoning when that has used up its tokens.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/failure.h"
#include "engine/sampling/answer_marks.h"
#include "engine/sampling/grammar.h"
#include "engine/types.h"
#include "engine/worker_threads.h"

namespace llm {

// Belongs to the engine's thread, but for the time between start() and ready(): then a worker has it. What the matcher
// throws is kept, and thrown when the masks are looked at: it is the end of this answer and of no other one.
class Constraint : public std::enable_shared_from_this<Constraint> {
 public:
  // Of a grammar's beginning: what follows, from the first token on.
  Constraint(std::unique_ptr<GrammarMatcher> matcher, size_t tokens)
      : matcher_(std::move(matcher)), words_(mask_words(tokens)) {}
  // `beginning` may be null. It governs from the first token on, or when `waits`, what a trigger of `marks` begins, the
  // trigger included; when also `again`, the answer is free again behind that. `closing` follows where the reasoning
  // has used up its tokens.
  Constraint(std::unique_ptr<GrammarMatcher> beginning, AnswerMarks marks, bool waits, bool again,
             std::vector<Token> closing, size_t tokens);

  // Another answer at the same place, without its masks. Not while a worker has it.
  Constraint(const Constraint& other);
  Constraint& operator=(const Constraint&) = delete;

  // How many of these guesses the answer can take, one after another. None while masks are made or are there: a guess
  // would need more of them.
  size_t fitting(std::span<const Token> drafts) noexcept;

  // Has the masks made of the token that comes next and of the one after each draft; `done` is called on the worker
  // when they are there. Nothing happens when they are, or are being made; where the answer is free none are needed.
  // The drafts must fit.
  void start(std::span<const Token> drafts, WorkerThreads& workers, std::function<void()> done);
  bool ready() const { return state_.load(std::memory_order_acquire) == State::kReady; }

  // The following is for the engine's thread, when the masks are ready.

  // The mask of the token after `drafts` drafts; empty where any may come. Throws Failure: ERR_GRAMMAR.
  std::span<const uint32_t> mask(size_t drafts);
  // The answer goes on with this token, or with the one that is returned: where a token ends a trigger and says more
  // than the grammar allows behind it, a shorter one takes its place. Throws as GrammarMatcher does.
  Token accept(Token token);
  // Whether nothing can follow.
  bool ended() { return !closes() && matcher_ && matcher_->ended(); }
  // The tokens that must follow, at most `most` of them, which are then part of the answer. Valid until the next call.
  std::span<const Token> accept_forced(size_t most);
  // Another answer is at the same place and has the same masks.
  void share_masks(const Constraint& other);

 private:
  enum class State { kIdle, kBusy, kReady };

  void make();
  bool closes() const { return closed_ < closing_.size(); }
  bool waits() const { return beginning_ != nullptr; }
  Token watch(Token token);
  bool bind(size_t before, Token token);
  void leave();

  std::unique_ptr<GrammarMatcher> matcher_;          // null where the answer is free
  const std::unique_ptr<GrammarMatcher> beginning_;  // of what a trigger begins; null when nothing waits for one
  std::optional<AnswerMarks> marks_;                 // of the free text
  std::optional<AnswerMarks> before_;                // the newest token
  const bool again_ = false;
  const std::vector<Token> closing_;
  size_t closed_ = 0;            // how many of these have come
  const size_t words_;           // of a mask
  std::vector<uint32_t> masks_;  // one behind another
  std::vector<Token> drafts_;
  std::vector<Token> forced_, found_;
  std::optional<Failure> failure_;
  std::atomic<State> state_ = State::kIdle;
};

}  // namespace llm
