#include "node/exit.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace llm {
namespace {

// A step is left within about 100 ms; whoever calls process.exit() expects it to be prompt.
constexpr std::chrono::milliseconds kPatience{300};

struct Environment {
  std::unordered_set<ThreadOwner*> live;
};

}  // namespace

std::unordered_set<ThreadOwner*>& live_threads(Napi::Env env) {
  if (env.GetInstanceData<Environment>() == nullptr) {
    env.SetInstanceData(std::make_unique<Environment>().release());  // the environment owns it
  }
  return env.GetInstanceData<Environment>()->live;
}

void at_exit(const Napi::CallbackInfo& info) {
  const auto& live = live_threads(info.Env());
  const std::vector<ThreadOwner*> owners(live.begin(), live.end());  // end() removes from it
  for (auto* owner : owners) owner->request_stop();
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  const auto all_ended = [&] {
    return std::all_of(owners.begin(), owners.end(), [](auto* o) { return o->has_ended(); });
  };
  while (!all_ended()) {
    if (std::chrono::steady_clock::now() > deadline) {
      std::fflush(nullptr);
      std::_Exit(info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : 0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (auto* owner : owners) owner->end();
}

}  // namespace llm
