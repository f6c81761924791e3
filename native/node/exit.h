// How native threads end with the process.
//
// process.exit() runs the C++ static destructors, OpenVINO's among them, WITHOUT running the cleanup hooks of the main
// environment: a thread that still computes then crashes (seen in 3 of 10 exits during decode). So JavaScript calls
// `atExit` in its 'exit' event.
#pragma once
#include <napi.h>

#include <unordered_set>

namespace llm {

// What owns a thread that belongs to an environment. JavaScript thread only.
class ThreadOwner {
 public:
  virtual ~ThreadOwner() = default;
  virtual void request_stop() = 0;
  virtual bool has_ended() const = 0;
  // Joins the thread.
  virtual void end() = 0;
};

// The environment's owners whose threads run.
std::unordered_set<ThreadOwner*>& live_threads(Napi::Env env);

// atExit(code): stops and joins all threads of the environment. One that cannot be stopped in time, because it compiles
// or converts, ends the process here and now with `code`, without static destructors.
void at_exit(const Napi::CallbackInfo& info);

}  // namespace llm
