// One answer's grammar while the answer is computed: its masks are made on another thread during the forward pass.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/failure.h"
#include "engine/sampling/grammar.h"
#include "engine/types.h"
#include "engine/worker_threads.h"

namespace llm {

// Belongs to the engine's thread, but for the time between start() and ready(): then a worker has it. What the matcher
// throws is kept, and thrown when the masks are looked at: it is the end of this answer and of no other one.
class Constraint : public std::enable_shared_from_this<Constraint> {
 public:
  // Of a grammar's beginning.
  Constraint(std::unique_ptr<GrammarMatcher> matcher, size_t tokens)
      : matcher_(std::move(matcher)), words_(mask_words(tokens)) {}

  // How many of these guesses the grammar takes, one after another. None while masks are made or are there: a guess
  // would need more of them.
  size_t fitting(std::span<const Token> drafts) noexcept;

  // Has the masks made of the token that comes next and of the one after each draft; `done` is called on the worker
  // when they are there. Nothing happens when they are, or are being made. The drafts must fit.
  void start(std::span<const Token> drafts, WorkerThreads& workers, std::function<void()> done);
  bool ready() const { return state_.load(std::memory_order_acquire) == State::kReady; }

  // The following is for the engine's thread, when the masks are ready.

  // The mask of the token after `drafts` drafts. Throws Failure: ERR_GRAMMAR.
  std::span<const uint32_t> mask(size_t drafts) const;
  // The answer goes on with this token. Throws as GrammarMatcher does.
  void accept(Token token);
  // Whether nothing can follow.
  bool ended() { return matcher_->ended(); }
  // The tokens that must follow, at most `most` of them, which are then part of the answer. Valid until the next call.
  std::span<const Token> accept_forced(size_t most);
  // Another answer is at the same place and has the same masks.
  void share_masks(const Constraint& other);

 private:
  enum class State { kIdle, kBusy, kReady };

  void make();

  const std::unique_ptr<GrammarMatcher> matcher_;
  const size_t words_;           // of a mask
  std::vector<uint32_t> masks_;  // one behind another
  std::vector<Token> drafts_;
  std::vector<Token> forced_;
  std::optional<Failure> failure_;
  std::atomic<State> state_ = State::kIdle;
};

}  // namespace llm
