// Any thread -> the JavaScript thread. post() never blocks; events wait in a queue with one coalescing wake-up.
//
// Lifetime:
//  1. The thread-safe function is referenced only while something is held (a load, a request, a job, a close), so an
//  idle engine
//     never keeps the process alive and a busy one always does.
//  2. Whoever owns this registers its cleanup hook AFTER making it: hooks run last-in first-out, so the owner joins its
//  thread
//     before Node destroys the function.
#pragma once
#include <napi.h>

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "node/events.h"

namespace llm {

class EventChannel {
 public:
  // `seen` is called on the JavaScript thread with each event, before the callback gets them all.
  EventChannel(Napi::Env env, Napi::Function on_events, std::function<void(const Event&)> seen)
      : seen_(std::move(seen)) {
    function_ = Function::New(env, on_events, "openvino-llm events", 0, 1, this);
    function_.Unref(env);
  }

  void post(Event event) {
    std::lock_guard lock(mutex_);
    auto* tokens = std::get_if<Tokens>(&event);
    auto* last = tokens && !pending_.empty() ? std::get_if<Tokens>(&pending_.back()) : nullptr;
    const bool joined = last && last->id == tokens->id && last->tokens.append(tokens->tokens);
    if (!joined) pending_.push_back(std::move(event));
    if (!signalled_) signalled_ = function_.NonBlockingCall() == napi_ok;
  }

  // JavaScript thread.
  void hold(Napi::Env env) {
    if (held_++ == 0) function_.Ref(env);
  }
  void release(Napi::Env env) {
    if (held_ > 0 && --held_ == 0) function_.Unref(env);
  }
  // The posting thread must have ended.
  void close() { function_.Release(); }

 private:
  static void Drain(Napi::Env env, Napi::Function callback, EventChannel* self, void*) {
    if (env == nullptr || callback == nullptr) return;  // the environment is being torn down
    self->drain(env, callback);
  }
  static constexpr size_t kSpare = 1024;  // events: the memory of a longer list is given back
  using Function = Napi::TypedThreadSafeFunction<EventChannel, void, Drain>;

  void drain(Napi::Env env, Napi::Function callback) {
    std::vector<Event> events;
    {
      std::lock_guard lock(mutex_);
      events.swap(pending_);
      pending_.swap(spare_);
      signalled_ = false;
    }
    auto list = Napi::Array::New(env, events.size());
    for (size_t i = 0; i < events.size(); ++i) list.Set(static_cast<uint32_t>(i), event_to_js(env, events[i]));
    const bool last = !events.empty() && std::holds_alternative<Closed>(events.back());
    for (const auto& event : events) seen_(event);  // the last one closes this channel: nothing of it is touched below
    if (!last && events.capacity() <= kSpare) {
      events.clear();
      std::lock_guard lock(mutex_);
      spare_.swap(events);
    }
    callback.Call({list});
  }

  Function function_;
  std::function<void(const Event&)> seen_;
  std::mutex mutex_;
  std::vector<Event> pending_;
  std::vector<Event> spare_;  // an empty list with the memory of an earlier one: the engine's thread allocates none
  bool signalled_ = false;
  int held_ = 0;
};

}  // namespace llm
