#include "engine/metrics.h"

#include "engine/runner.h"
#include "engine/scheduling/scheduler.h"

namespace llm {

void MetricsBoard::publish(const Scheduler& scheduler, const Runner& runner) {
  counts.running = static_cast<int64_t>(scheduler.running.size());
  counts.waiting = 0;
  for (const auto* list : {&scheduler.waiting, &scheduler.compiling}) {
    for (const auto& sequence : *list) counts.waiting += 1 + static_cast<int64_t>(sequence.group.size());
  }
  counts.kv = runner.kv();
  counts.preemptions = scheduler.preemptions;
  counts.prefix_hits = scheduler.prefix_hits;
  counts.cached_tokens = scheduler.cached_tokens;
  std::lock_guard lock(mutex_);
  published_ = counts;
}

}  // namespace llm
