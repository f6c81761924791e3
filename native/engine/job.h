// Work that takes time but is no generation: it runs once, on a thread of its own, and ends in Done or Failed, then
// Closed.
#pragma once
#include <atomic>
#include <functional>
#include <thread>
#include <utility>

#include "engine/event.h"
#include "engine/failure.h"

namespace llm {

// `cancelled` is looked at between the stages of the work; throw Interrupted then.
using JobWork = std::function<Done(const std::atomic<bool>& cancelled, const EventSink& post)>;

class JobThread {
 public:
  JobThread(JobWork work, EventSink post)
      : work_(std::move(work)), post_(std::move(post)), thread_([this] { run(); }) {}
  ~JobThread() {
    stop();
    thread_.join();
  }
  JobThread(const JobThread&) = delete;
  JobThread& operator=(const JobThread&) = delete;

  // The work ends at its next stage.
  void stop() noexcept { cancelled_ = true; }
  // Whether the thread is about to be gone: joining it does not wait.
  bool ended() const noexcept { return ended_; }

 private:
  void run() {
    try {
      post_(work_(cancelled_, post_));
    } catch (...) {
      const Failure failure = current_failure(ERR_ENGINE);
      post_(Failed{0, failure.code(), failure.what()});
    }
    post_(Closed{});
    ended_ = true;
  }

  JobWork work_;
  EventSink post_;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> ended_ = false;
  std::thread thread_;  // last: starts when everything above exists
};

}  // namespace llm
