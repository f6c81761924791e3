// What an engine counts, and where other threads read it.
#pragma once
#include <cstdint>
#include <mutex>

#include "engine/event.h"

namespace llm {

class Scheduler;
class Runner;

// See NativeMetrics in lib/engine/boundary.ts.
struct Metrics {
  KvUse kv;
  int64_t running = 0;
  int64_t waiting = 0;
  int64_t steps = 0;
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  int64_t prefix_hits = 0;
  int64_t generated_tokens = 0;
  int64_t draft_tokens = 0;
  int64_t accepted_tokens = 0;
  int64_t preemptions = 0;
};

class MetricsBoard {
 public:
  // Engine thread: sums that the loop keeps; the rest is filled in by publish().
  Metrics counts;

  // Engine thread, before an end is reported: whoever hears of it finds it counted.
  void publish(const Scheduler& scheduler, const Runner& runner);
  // Any thread: as published last.
  Metrics read() const {
    std::lock_guard lock(mutex_);
    return published_;
  }

 private:
  mutable std::mutex mutex_;
  Metrics published_;
};

}  // namespace llm
