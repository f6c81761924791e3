// What other threads tell the engine's thread: requests, cancellations, the end. Nobody waits for the engine here.
#pragma once
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

#include "engine/clock.h"
#include "engine/failure.h"
#include "engine/sequence.h"

namespace llm {

class Mailbox {
 public:
  struct Mail {
    std::list<Sequence> submitted;
    std::vector<SequenceId> cancelled;
    bool stopping = false;
    bool none() const { return submitted.empty() && cancelled.empty() && !stopping; }
  };

  // Any thread.
  void submit(std::list<Sequence> sequences) {
    std::lock_guard lock(mutex_);
    submitted_.splice(submitted_.end(), sequences);
    wake_.notify_one();
  }
  void cancel(SequenceId id) {
    std::lock_guard lock(mutex_);
    cancelled_.push_back(id);
    wake_.notify_one();
  }
  // Something else than mail is to be looked at.
  void nudge() {
    std::lock_guard lock(mutex_);
    nudged_ = true;
    wake_.notify_one();
  }
  // Idempotent. Interrupts what computes, once.
  void stop() {
    std::lock_guard lock(mutex_);
    if (std::exchange(stopping_, true)) return;
    wake_.notify_one();
    if (interrupt_) interrupt_();
  }
  bool stopping() const {
    std::lock_guard lock(mutex_);
    return stopping_;
  }
  // Requests that nobody has taken.
  size_t submitted() const {
    std::lock_guard lock(mutex_);
    return submitted_.size();
  }

  // Engine thread. What has come; when nothing has, waits for something, or a nudge, if `wait`.
  Mail take(bool wait) {
    std::unique_lock lock(mutex_);
    if (wait) wake_.wait(lock, [this] { return something(); });
    return take_all();
  }
  // The same, but waits no longer than this.
  Mail take_until(Clock::time_point time) {
    std::unique_lock lock(mutex_);
    wake_.wait_until(lock, time, [this] { return something(); });
    return take_all();
  }

  // Engine thread: does work that stop() ends by calling `interrupt` on another thread. Throws Interrupted without
  // doing anything after stop(): what was interrupted computes no more (see Runner::interrupt).
  template <class Work>
  void interruptible(std::function<void()> interrupt, Work work) {
    const auto set = [this](std::function<void()> what) {
      std::lock_guard lock(mutex_);
      if (what && stopping_) throw Interrupted();
      interrupt_ = std::move(what);
    };
    set(std::move(interrupt));
    try {
      work();
    } catch (...) {
      set({});
      throw;
    }
    set({});
  }

 private:
  // Under the mutex.
  bool something() const { return stopping_ || nudged_ || !submitted_.empty() || !cancelled_.empty(); }
  Mail take_all() {
    nudged_ = false;
    return {std::exchange(submitted_, {}), std::exchange(cancelled_, {}), stopping_};
  }

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::list<Sequence> submitted_;
  std::vector<SequenceId> cancelled_;
  std::function<void()> interrupt_;  // while something computes
  bool nudged_ = false;
  bool stopping_ = false;
};

}  // namespace llm
