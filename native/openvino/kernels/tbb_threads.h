// The threads of whoever calls: inside an operation of the CPU plugin, the plugin's own.
#pragma once
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "kernels/matmul.h"

namespace llm {

class TbbThreads : public Threads {
 public:
  size_t count() const override { return static_cast<size_t>(tbb::this_task_arena::max_concurrency()); }
  void run(size_t tasks, void (*task)(void* context, size_t index), void* context) const override {
    tbb::parallel_for(size_t{0}, tasks, [&](size_t index) { task(context, index); }, tbb::simple_partitioner());
  }
};

}  // namespace llm
