// The infer request of a runner: one step at a time, interrupted from another thread, made anew after a failure.
#pragma once
#include <mutex>
#include <openvino/openvino.hpp>
#include <openvino/runtime/exception.hpp>
#include <utility>

#include "openvino/core.h"

namespace llm {

// ERR_ENGINE or ERR_OUT_OF_MEMORY, with OpenVINO's words.
inline Failure step_failure(const std::exception& error) {
  const auto words = plain_words(error);
  return {code_of(words, ERR_ENGINE), "OpenVINO failed while computing: " + words};
}

class StepRequest {
 public:
  explicit StepRequest(ov::CompiledModel compiled)
      : compiled_(std::move(compiled)), request_(compiled_.create_infer_request()) {}

  ov::InferRequest& operator*() { return request_; }
  ov::InferRequest* operator->() { return &request_; }
  const ov::CompiledModel& compiled() const { return compiled_; }

  // Throws Interrupted after interrupt().
  void start() {
    std::lock_guard lock(mutex_);
    if (interrupted_) throw Interrupted();
    request_.start_async();
  }

  // Throws Interrupted after interrupt(), Failure ERR_ENGINE or ERR_OUT_OF_MEMORY when the step failed.
  void wait() {
    try {
      request_.wait();
    } catch (const ov::Cancelled&) {
      throw Interrupted();
    } catch (const std::bad_alloc&) {
      broken_ = true;
      throw;
    } catch (const std::exception& error) {
      std::lock_guard lock(mutex_);
      if (interrupted_) throw Interrupted();
      broken_ = true;
      throw step_failure(error);
    }
  }

  // Any thread, once and for good. InferRequest::cancel() ruins the compiled model (OpenVINO 2026.4.1, CPU): its nodes,
  // which all requests share, keep the shapes of the step that was cut short. Later steps fail ("different elements
  // number in input and output buffers") or would use stale memory. Neither reset_state() nor a new request mends it.
  void interrupt() noexcept {
    std::lock_guard lock(mutex_);
    interrupted_ = true;
    try {
      request_.cancel();
    } catch (const std::exception&) {
      // A request that computes nothing needs no cancelling.
    }
  }

  bool is_broken() const { return broken_; }

  // After a step that failed, makes a new request; its inputs must be set again. False when the old one is sound.
  bool renew() {
    if (!broken_) return false;
    std::lock_guard lock(mutex_);  // interrupt() may use the request
    request_ = compiled_.create_infer_request();
    broken_ = false;
    return true;
  }

 private:
  ov::CompiledModel compiled_;
  ov::InferRequest request_;
  bool broken_ = false;
  std::mutex mutex_;
  bool interrupted_ = false;
};

}  // namespace llm
