// What the Engine and the Job object share: a thread that posts events, and its end by close, by environment teardown
// or neither.
#pragma once
#include <napi.h>

#include <memory>
#include <utility>

#include "node/event_channel.h"
#include "node/exit.h"

namespace llm {

// `Worker` owns a thread; destroying it stops and joins that thread.
template <class Derived, class Worker>
class ThreadedObject : public Napi::ObjectWrap<Derived>, public ThreadOwner {
 protected:
  explicit ThreadedObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Derived>(info), env_(info.Env()) {}

  // `make` gets the sink for the worker's events.
  template <class Make>
  void begin(const Napi::Value& on_events, Make&& make) {
    if (!on_events.IsFunction()) throw Napi::TypeError::New(env_, "addon: expected onEvents to be a function");
    channel_ =
        std::make_unique<EventChannel>(env_, on_events.As<Napi::Function>(), [this](const Event& e) { seen(e); });
    channel_->hold(env_);
    try {
      worker_ = make([channel = channel_.get()](Event event) { channel->post(std::move(event)); });
    } catch (...) {
      channel_->close();
      throw;
    }
    hook_ = env_.AddCleanupHook(&ThreadedObject::at_cleanup, this);
    live_threads(env_).insert(this);
    this->Ref();  // the JavaScript object may be forgotten while the thread runs
  }

  // Called for each event on the JavaScript thread; releases what the event ends.
  virtual void seen(const Event& event) = 0;

  void request_stop() override {
    if (worker_) worker_->stop();
  }
  bool has_ended() const override { return !worker_ || worker_->ended(); }
  void end() override {
    if (!worker_) return;
    worker_.reset();
    channel_->close();
    if (!cleaning_up_) {
      live_threads(env_).erase(this);
      hook_.Remove(env_);
      this->Unref();
    }
  }

  Napi::Env env_;
  std::unique_ptr<EventChannel> channel_;
  std::unique_ptr<Worker> worker_;

 private:
  static void at_cleanup(ThreadedObject* self) {
    self->cleaning_up_ = true;
    self->end();
  }
  using Hook = Napi::Env::CleanupHook<void (*)(ThreadedObject*), ThreadedObject>;
  Hook hook_;
  bool cleaning_up_ = false;
};

}  // namespace llm
