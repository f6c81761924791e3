// Ends what the library computes for too long: its own limits do not bound everything, such as a million bytes that
// must follow each other.
#pragma once
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

#include "engine/thread_cpu_clock.h"

namespace llm {

// Looks from a thread of its own, which runs while something is watched and a moment longer. Time is the watched
// thread's CPU time, so a busy machine ends nothing.
class Watchdog {
  struct Watched {
    const ThreadCpuClock* clock;
    double begun;
    std::function<void()> stop;  // empty when it was called
  };

 public:
  explicit Watchdog(double milliseconds) : limit_(milliseconds) {}
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  double limit() const { return limit_; }

  // Watches the calling thread until it is destroyed, by that thread.
  class Watch {
   public:
    // `stop` is called at most once, on the watchdog's thread, while this is there. It must not throw or block.
    Watch(Watchdog& watchdog, std::function<void()> stop);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Watchdog& watchdog_;
    std::list<Watched>::iterator place_;
  };

 private:
  void run();

  const double limit_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::list<Watched> watched_;
  bool sleeping_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace llm
