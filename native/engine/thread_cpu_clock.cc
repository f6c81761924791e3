#include "engine/thread_cpu_clock.h"

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

#if defined(_WIN32)
struct ThreadCpuClock::Thread {
  Thread() {
    const auto process = GetCurrentProcess();
    if (!DuplicateHandle(process, GetCurrentThread(), process, &handle, THREAD_QUERY_LIMITED_INFORMATION, FALSE, 0)) {
      throw std::runtime_error("DuplicateHandle failed");
    }
  }
  ~Thread() { CloseHandle(handle); }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  HANDLE handle = nullptr;
};

std::optional<double> ThreadCpuClock::milliseconds() const {
  FILETIME created, ended, kernel, user;
  if (!GetThreadTimes(thread_->handle, &created, &ended, &kernel, &user)) return std::nullopt;
  // Units of 100 ns.
  const auto ticks = [](const FILETIME& time) { return time.dwHighDateTime * 4294967296.0 + time.dwLowDateTime; };
  return (ticks(kernel) + ticks(user)) / 1e4;
}
#elif defined(__APPLE__)
struct ThreadCpuClock::Thread {
  Thread() = default;
  ~Thread() { mach_port_deallocate(mach_task_self(), port); }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  mach_port_t port = mach_thread_self();
};

std::optional<double> ThreadCpuClock::milliseconds() const {
  thread_basic_info_data_t info;
  mach_msg_type_number_t count = THREAD_BASIC_INFO_COUNT;
  if (thread_info(thread_->port, THREAD_BASIC_INFO, reinterpret_cast<thread_info_t>(&info), &count) != KERN_SUCCESS) {
    return std::nullopt;
  }
  const auto of = [](const time_value_t& time) { return time.seconds * 1e3 + time.microseconds / 1e3; };
  return of(info.user_time) + of(info.system_time);
}
#else
struct ThreadCpuClock::Thread {
  Thread() {
    if (pthread_getcpuclockid(pthread_self(), &clock) != 0) {
      throw std::runtime_error("pthread_getcpuclockid failed");
    }
  }
  clockid_t clock{};
};

std::optional<double> ThreadCpuClock::milliseconds() const {
  timespec time;
  if (clock_gettime(thread_->clock, &time) != 0) return std::nullopt;
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}
#endif

ThreadCpuClock::ThreadCpuClock() : thread_(std::make_unique<Thread>()) {}
ThreadCpuClock::~ThreadCpuClock() = default;

}  // namespace llm
