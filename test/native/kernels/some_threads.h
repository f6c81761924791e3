#pragma once
#include <cstddef>
#include <thread>
#include <vector>

#include "kernels/matmul.h"

// Runs the tasks on so many real threads, the last ones first.
class SomeThreads : public llm::Threads {
 public:
  explicit SomeThreads(size_t count) : count_(count) {}
  size_t count() const override { return count_; }
  void run(size_t tasks, void (*task)(void*, size_t), void* context) const override {
    std::vector<std::thread> threads;
    for (size_t t = 0; t < count_; ++t) {
      threads.emplace_back([&, t] {
        for (size_t i = tasks; i-- > 0;) {
          if (i % count_ == t) task(context, i);
        }
      });
    }
    for (auto& thread : threads) thread.join();
  }

 private:
  size_t count_;
};
