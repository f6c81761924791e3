// The CPU time of a thread, read from another thread while the first one computes.
#pragma once
#include <memory>
#include <optional>

namespace llm {

// Of the thread that makes it. Nobody may read it once that thread has ended: the system may give its id to another.
class ThreadCpuClock {
 public:
  // Throws std::runtime_error when the system has none.
  ThreadCpuClock();
  ~ThreadCpuClock();

  // Computed in user and system mode together, since the thread began; empty when the system does not tell.
  std::optional<double> milliseconds() const;

 private:
  struct Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace llm
