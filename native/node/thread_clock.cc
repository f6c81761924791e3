#include "node/thread_clock.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>

#include "engine/thread_cpu_clock.h"

namespace llm {
namespace {

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
  std::map<uint32_t, ThreadCpuClock> clocks_;
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
