// The interface to threads that somebody else owns.
#pragma once
#include <cstddef>

namespace llm {

class Threads {
 public:
  virtual ~Threads() = default;
  // How many run at once, ≥ 1.
  virtual size_t count() const = 0;
  // Calls task(context, i) for every i below `tasks`, in any order and at once; returns after the last.
  virtual void run(size_t tasks, void (*task)(void* context, size_t index), void* context) const = 0;
  // Whether they wait for tasks: then it is worth it to share out less work.
  virtual bool are_awake() const { return false; }
};

}  // namespace llm
