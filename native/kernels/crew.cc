#include "kernels/crew.h"

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <utility>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace llm {
namespace {

inline void relax() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#endif
}

// Looks on for some ten microseconds, then lets others have the processor between looks.
class Patience {
 public:
  void wait() {
    if (++looks_ < kLooks) {
      relax();
    } else {
      std::this_thread::yield();
    }
  }
  void renew() { looks_ = 0; }

 private:
  static constexpr size_t kLooks = 512;
  size_t looks_ = 0;
};

constexpr size_t kLine = 64;

class Crew : public Threads {
 public:
  using Task = void (*)(void* context, size_t index);

  explicit Crew(size_t count) : count_(count) {}

  size_t count() const override { return count_; }
  bool are_awake() const override { return true; }

  void run(size_t tasks, Task task, void* context) const override {
    for (; tasks > kMostTasks; --tasks) task(context, tasks - 1);
    if (tasks < 2) {
      if (tasks == 1) task(context, 0);
      return;
    }
    task_ = task;
    context_ = context;
    tasks_ = tasks;
    done_.store(0, std::memory_order_relaxed);
    open_.store(((open_.load(std::memory_order_relaxed) >> kCountBits) + 1) << kCountBits | tasks,
                std::memory_order_release);
    while (do_one()) {
    }
    for (Patience patience; done_.load(std::memory_order_acquire) < tasks;) patience.wait();
    if (failed_.exchange(false, std::memory_order_relaxed)) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

  void help() const {
    Patience patience;
    while (!is_over_.load(std::memory_order_acquire)) {
      if (do_one()) {
        patience.renew();
      } else {
        patience.wait();
      }
    }
  }

  void end() { is_over_.store(true, std::memory_order_release); }

 private:
  static constexpr int kCountBits = 32;
  static constexpr uint64_t kMostTasks = (uint64_t{1} << kCountBits) - 1;

  // Of the tasks that nobody has begun, where there are any. Those of one call are all done before the next call
  // begins, so whoever has taken one may read what they are.
  bool do_one() const {
    uint64_t open = open_.load(std::memory_order_acquire);
    do {
      if ((open & kMostTasks) == 0) return false;
    } while (!open_.compare_exchange_weak(open, open - 1, std::memory_order_acq_rel, std::memory_order_acquire));
    try {
      task_(context_, tasks_ - (open & kMostTasks));
    } catch (...) {
      if (!failed_.exchange(true, std::memory_order_relaxed)) failure_ = std::current_exception();
    }
    done_.fetch_add(1, std::memory_order_acq_rel);
    return true;
  }

  size_t count_;
  mutable Task task_ = nullptr;
  mutable void* context_ = nullptr;
  mutable size_t tasks_ = 0;
  mutable std::exception_ptr failure_;
  mutable std::atomic<bool> failed_ = false;
  std::atomic<bool> is_over_ = false;
  // Which call, and how many of its tasks nobody has begun: in one number, so that no task of another call is taken.
  alignas(kLine) mutable std::atomic<uint64_t> open_ = 0;
  alignas(kLine) mutable std::atomic<size_t> done_ = 0;
};

struct Meeting {
  Crew crew;
  const std::function<void(const Threads&)>& work;
  std::atomic<bool> is_led = false;

  // Whoever comes first leads.
  void join() {
    if (is_led.exchange(true, std::memory_order_acq_rel)) {
      crew.help();
      return;
    }
    struct Ending {
      Crew& crew;
      ~Ending() { crew.end(); }
    } ending{crew};
    work(crew);
  }
};

}  // namespace

void with_crew(const Threads& threads, const std::function<void(const Threads& crew)>& work) {
  if (threads.count() == 1 || threads.are_awake()) return work(threads);
  Meeting meeting{Crew(threads.count()), work};
  threads.run(threads.count(), [](void* context, size_t) { static_cast<Meeting*>(context)->join(); }, &meeting);
}

}  // namespace llm
