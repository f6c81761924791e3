#include "grammar/watchdog.h"

#include <chrono>
#include <utility>

namespace llm {
namespace {

constexpr std::chrono::milliseconds kLook{50};
constexpr int kIdleLooks = 20;  // so that the masks of one answer do not wake the thread one by one

}  // namespace

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

Watchdog::Watch::Watch(Watchdog& watchdog, std::function<void()> stop) : watchdog_(watchdog) {
  static thread_local const ThreadCpuClock clock;
  const std::lock_guard lock(watchdog_.mutex_);
  auto& watched = watchdog_.watched_;
  place_ = watched.insert(watched.end(), {&clock, clock.milliseconds().value_or(0), std::move(stop)});
  if (!watchdog_.thread_.joinable()) watchdog_.thread_ = std::thread([&watchdog] { watchdog.run(); });
  if (watchdog_.sleeping_) watchdog_.wake_.notify_all();
}

Watchdog::Watch::~Watch() {
  const std::lock_guard lock(watchdog_.mutex_);
  watchdog_.watched_.erase(place_);
}

void Watchdog::run() {
  int idle = 0;
  for (std::unique_lock lock(mutex_); !stopping_;) {
    if (idle == kIdleLooks) {
      sleeping_ = true;
      wake_.wait(lock, [this] { return stopping_ || !watched_.empty(); });
      sleeping_ = false;
      idle = 0;
    }
    wake_.wait_for(lock, kLook, [this] { return stopping_; });
    idle = watched_.empty() ? idle + 1 : 0;
    for (auto& one : watched_) {
      if (!one.stop || one.clock->milliseconds().value_or(0) - one.begun < limit_) continue;
      std::exchange(one.stop, nullptr)();
    }
  }
}

}  // namespace llm
