// Events and metrics as JavaScript objects; their shapes are EngineEvent and JobEvent of lib/engine/boundary.ts.
#pragma once
#include <napi.h>

#include "engine/event.h"
#include "engine/metrics.h"

namespace llm {

Napi::Object to_js(Napi::Env env, const Event& event);
// NativeMetrics.
Napi::Object to_js(Napi::Env env, const Metrics& metrics);

}  // namespace llm
