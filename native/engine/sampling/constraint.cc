#include "engine/sampling/constraint.h"

#include <algorithm>
#include <utility>

namespace llm {

size_t Constraint::fitting(std::span<const Token> drafts) noexcept {
  if (state_.load(std::memory_order_relaxed) != State::kIdle || failure_) return 0;
  try {
    return matcher_->fitting(drafts);
  } catch (...) {
    failure_ = current_failure(ERR_GRAMMAR);
    return 0;
  }
}

void Constraint::start(std::span<const Token> drafts, WorkerThreads& workers, std::function<void()> done) {
  if (state_.load(std::memory_order_relaxed) != State::kIdle) return;
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

std::span<const uint32_t> Constraint::mask(size_t drafts) const {
  if (failure_) throw Failure(*failure_);
  return std::span(masks_).subspan(drafts * words_, words_);
}

void Constraint::accept(Token token) {
  state_.store(State::kIdle, std::memory_order_relaxed);
  matcher_->accept(token);
}

std::span<const Token> Constraint::accept_forced(size_t most) {
  forced_.clear();
  if (most > 0) matcher_->forced(most, forced_);
  size_t taken = 0;
  while (taken < forced_.size() && !matcher_->ended()) matcher_->accept(forced_[taken++]);
  return std::span(forced_).first(taken);
}

void Constraint::share_masks(const Constraint& other) {
  masks_ = other.masks_;
  failure_ = other.failure_;
  state_.store(State::kReady, std::memory_order_relaxed);
}

}  // namespace llm
