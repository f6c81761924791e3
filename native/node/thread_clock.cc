#include "node/thread_clock.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>

#if defined(_WIN32)
#define NOMINMAX
#include <windows.h>
#elif defined(__APPLE__)
#include <mach/mach.h>
#else
#include <pthread.h>

#include <ctime>
#endif

namespace llm {
namespace {

#if defined(_WIN32)
class ThreadClock {
 public:
  ThreadClock() {
    const auto process = GetCurrentProcess();
    if (!DuplicateHandle(process, GetCurrentThread(), process, &thread_, THREAD_QUERY_LIMITED_INFORMATION, FALSE, 0)) {
      throw std::runtime_error("DuplicateHandle failed");
    }
  }
  ~ThreadClock() { CloseHandle(thread_); }
  ThreadClock(const ThreadClock&) = delete;
  ThreadClock& operator=(const ThreadClock&) = delete;

  std::optional<double> milliseconds() const {
    FILETIME created, ended, kernel, user;
    if (!GetThreadTimes(thread_, &created, &ended, &kernel, &user)) return std::nullopt;
    // Units of 100 ns.
    const auto ticks = [](const FILETIME& time) { return time.dwHighDateTime * 4294967296.0 + time.dwLowDateTime; };
    return (ticks(kernel) + ticks(user)) / 1e4;
  }

 private:
  HANDLE thread_ = nullptr;
};
#elif defined(__APPLE__)
class ThreadClock {
 public:
  ThreadClock() = default;
  ~ThreadClock() { mach_port_deallocate(mach_task_self(), thread_); }
  ThreadClock(const ThreadClock&) = delete;
  ThreadClock& operator=(const ThreadClock&) = delete;

  std::optional<double> milliseconds() const {
    thread_basic_info_data_t info;
    mach_msg_type_number_t count = THREAD_BASIC_INFO_COUNT;
    if (thread_info(thread_, THREAD_BASIC_INFO, reinterpret_cast<thread_info_t>(&info), &count) != KERN_SUCCESS) {
      return std::nullopt;
    }
    const auto of = [](const time_value_t& time) { return time.seconds * 1e3 + time.microseconds / 1e3; };
    return of(info.user_time) + of(info.system_time);
  }

 private:
  mach_port_t thread_ = mach_thread_self();
};
#else
class ThreadClock {
 public:
  ThreadClock() {
    if (pthread_getcpuclockid(pthread_self(), &clock_) != 0) {
      throw std::runtime_error("pthread_getcpuclockid failed");
    }
  }

  std::optional<double> milliseconds() const {
    timespec time;
    if (clock_gettime(clock_, &time) != 0) return std::nullopt;
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
  }

 private:
  // Holds the thread's id, which the system gives to another thread once this one has ended.
  clockid_t clock_{};
};
#endif

// The clocks of all environments. Reading takes the lock, and so does a thread that removes its clock before it ends:
// a clock that is found here belongs to a thread that is there.
class ThreadClocks {
 public:
  uint32_t add() {
    const std::lock_guard lock(mutex_);
    clocks_.try_emplace(++last_);
    return last_;
  }
  void remove(uint32_t number) {
    const std::lock_guard lock(mutex_);
    clocks_.erase(number);
  }
  std::optional<double> milliseconds(uint32_t number) {
    const std::lock_guard lock(mutex_);
    const auto found = clocks_.find(number);
    return found == clocks_.end() ? std::nullopt : found->second.milliseconds();
  }

 private:
  std::mutex mutex_;
  std::map<uint32_t, ThreadClock> clocks_;
  uint32_t last_ = 0;
};

// One for the process: the thread that reads is in another environment than the thread that is read.
ThreadClocks& thread_clocks() {
  static ThreadClocks clocks;
  return clocks;
}

}  // namespace

Napi::Value thread_clock(const Napi::CallbackInfo& info) {
  uint32_t number = 0;
  try {
    number = thread_clocks().add();
  } catch (const std::exception& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
  info.Env().AddCleanupHook([number] { thread_clocks().remove(number); });
  return Napi::Number::New(info.Env(), number);
}

Napi::Value thread_cpu_time(const Napi::CallbackInfo& info) {
  if (!info[0].IsNumber()) throw Napi::TypeError::New(info.Env(), "addon: expected the number of a thread's clock");
  const auto time = thread_clocks().milliseconds(info[0].As<Napi::Number>().Uint32Value());
  return time ? Napi::Number::New(info.Env(), *time) : info.Env().Undefined();
}

}  // namespace llm
