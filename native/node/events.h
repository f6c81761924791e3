// An event as a JavaScript object: EngineEvent and JobEvent of lib/engine/boundary.ts.
#pragma once
#include <napi.h>

#include "engine/event.h"

namespace llm {

Napi::Object event_to_js(Napi::Env env, const Event& event);

}  // namespace llm
