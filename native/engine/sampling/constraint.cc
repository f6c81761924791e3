#include "engine/sampling/constraint.h"

#include <algorithm>
#include <utility>

namespace llm {

Constraint::Constraint(std::unique_ptr<GrammarMatcher> beginning, AnswerMarks marks, bool waits, bool again,
                       std::vector<Token> closing, size_t tokens)
    : matcher_(waits ? nullptr : std::move(beginning)),
      beginning_(std::move(beginning)),
      marks_(std::move(marks)),
      again_(again),
      closing_(std::move(closing)),
      closed_(marks_->used_up() ? 0 : closing_.size()),
      words_(mask_words(tokens)) {}

Constraint::Constraint(const Constraint& other)
    : std::enable_shared_from_this<Constraint>(),
      matcher_(other.matcher_ ? other.matcher_->fork() : nullptr),
      beginning_(other.beginning_ ? other.beginning_->fork() : nullptr),
      marks_(other.marks_),
      again_(other.again_),
      closing_(other.closing_),
      closed_(other.closed_),
      words_(other.words_),
      failure_(other.failure_) {}

size_t Constraint::fitting(std::span<const Token> drafts) noexcept {
  if (state_.load(std::memory_order_relaxed) != State::kIdle || failure_ || closes()) return 0;
  try {
    // What a trigger begins and the end of the reasoning are not guessed at.
    if (marks_ && !(waits() && matcher_)) {
      before_ = marks_;
      size_t free = 0;
      for (; free < drafts.size(); ++free) {
        const auto seen = before_->take(drafts[free]);
        if (seen.symbols > 0 || before_->used_up()) break;
      }
      drafts = drafts.first(free);
    }
    return matcher_ ? matcher_->fitting(drafts) : drafts.size();
  } catch (...) {
    failure_ = current_failure(ERR_GRAMMAR);
    return 0;
  }
}

void Constraint::start(std::span<const Token> drafts, WorkerThreads& workers, std::function<void()> done) {
  if (state_.load(std::memory_order_relaxed) != State::kIdle) return;
  if (closes() || (!matcher_ && !failure_)) {
    state_.store(State::kReady, std::memory_order_relaxed);
    return;
  }
  drafts_.assign(drafts.begin(), drafts.end());
  state_.store(State::kBusy, std::memory_order_relaxed);
  workers.post([self = shared_from_this(), done = std::move(done)] {
    if (self.use_count() == 1) return;  // the answer has ended meanwhile
    self->make();
    done();
  });
}

void Constraint::make() {
  try {
    if (failure_) throw Failure(*failure_);
    masks_.resize(words_ * (drafts_.size() + 1));
    size_t taken = 0;
    for (;; ++taken) {
      const auto mask = TokenMask(masks_).subspan(taken * words_, words_);
      if (matcher_->ended()) {  // a draft ends the answer: what is behind it is not looked at
        std::fill(mask.begin(), mask.end(), 0);
      } else {
        matcher_->mask(mask);
      }
      if (taken == drafts_.size() || matcher_->ended()) break;
      matcher_->accept(drafts_[taken]);
    }
    if (taken > 0) matcher_->rollback(taken);
  } catch (...) {
    failure_ = current_failure(ERR_GRAMMAR);
  }
  state_.store(State::kReady, std::memory_order_release);
}

std::span<const uint32_t> Constraint::mask(size_t drafts) {
  if (failure_) throw Failure(*failure_);
  if (closes()) {
    const auto token = static_cast<size_t>(closing_[closed_]);
    masks_.assign(words_, 0);
    masks_.at(token / 32) = uint32_t{1} << token % 32;
    return masks_;
  }
  if (!matcher_) return {};
  return std::span(masks_).subspan(drafts * words_, words_);
}

Token Constraint::accept(Token token) {
  state_.store(State::kIdle, std::memory_order_relaxed);
  if (closes()) {
    ++closed_;
    if (matcher_) matcher_->accept(token);
    marks_->take(token);
    return token;
  }
  if (matcher_) {
    matcher_->accept(token);
    if (waits()) {
      leave();
    } else if (marks_) {
      marks_->take(token);
    }
  } else {
    token = watch(token);
  }
  if (marks_ && marks_->used_up()) closed_ = 0;
  return token;
}

// Behind what a trigger began the answer is free again.
void Constraint::leave() {
  if (!again_ || !(matcher_->ended() || matcher_->accepting())) return;
  matcher_.reset();
  marks_->restart();
}

// A token of the free text.
Token Constraint::watch(Token token) {
  before_ = marks_;
  auto seen = marks_->take(token);
  if (!waits() || seen.symbols == 0 || bind(seen.before, token)) return token;
  std::swap(marks_, before_);
  token = marks_->beginning(token, seen.symbols);
  seen = marks_->take(token);
  if (seen.symbols > 0 && !bind(seen.before, token)) {
    throw Failure(ERR_GRAMMAR, "the vocabulary has no token with which what a trigger begins could go on");
  }
  return token;
}

// False when the grammar refuses what the trigger began with.
bool Constraint::bind(size_t before, Token token) {
  const auto newest = before_->newest(before);
  found_.assign(newest.begin(), newest.end());
  found_.push_back(token);
  auto matcher = beginning_->fork();
  if (matcher->fitting(found_) < found_.size()) return false;
  for (const Token one : found_) matcher->accept(one);
  matcher_ = std::move(matcher);
  return true;
}

std::span<const Token> Constraint::accept_forced(size_t most) {
  forced_.clear();
  while (forced_.size() < most && closes()) forced_.push_back(accept(closing_[closed_]));
  if (!matcher_ || forced_.size() == most || matcher_->ended()) return forced_;
  found_.clear();
  matcher_->forced(most - forced_.size(), found_);
  for (size_t i = 0; i < found_.size() && matcher_ && !matcher_->ended() && !closes(); ++i) {
    forced_.push_back(accept(found_[i]));
  }
  return forced_;
}

void Constraint::share_masks(const Constraint& other) {
  masks_ = other.masks_;
  failure_ = other.failure_;
  state_.store(State::kReady, std::memory_order_relaxed);
}

}  // namespace llm
