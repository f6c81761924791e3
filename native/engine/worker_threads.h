// A few threads that do small tasks beside the engine's, in the order in which they came.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace llm {

// Threads start with the first task. Any thread may post; tasks must not throw.
class WorkerThreads {
 public:
  explicit WorkerThreads(size_t count) : count_(count) {}
  ~WorkerThreads() { stop(); }
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;

  // After stop() nothing is done any more.
  void post(std::function<void()> task) {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    tasks_.push_back(std::move(task));
    if (threads_.size() < count_) threads_.emplace_back([this] { run(); });
    wake_.notify_one();
  }

  // Idempotent, of one thread. Waits for the tasks that run; the others are forgotten.
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      tasks_.clear();
      wake_.notify_all();
    }
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  void run() {
    for (std::unique_lock lock(mutex_);;) {
      wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (stopping_) return;
      {
        const auto task = std::move(tasks_.front());
        tasks_.pop_front();
        lock.unlock();
        task();
      }  // what the task holds is freed here, without the lock
      lock.lock();
    }
  }

  const size_t count_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  bool stopping_ = false;
};

}  // namespace llm
