// The CPU time of a JavaScript thread, read from another thread while the first one computes.
#pragma once
#include <napi.h>

namespace llm {

// threadClock(): opens the clock of the calling thread and gives its number, which no other clock of this process ever
// gets. The clock ends with the environment of its thread.
Napi::Value thread_clock(const Napi::CallbackInfo& info);

// threadCpuTime(clock): milliseconds that the thread has computed, in user and system mode together, since it began;
// undefined for a clock that has ended or never was. May be called on any thread.
Napi::Value thread_cpu_time(const Napi::CallbackInfo& info);

}  // namespace llm
