// class Engine of lib/engine/boundary.ts.
#pragma once
#include "engine/loop.h"
#include "node/threaded_object.h"

namespace llm {

class EngineObject : public ThreadedObject<EngineObject, EngineLoop> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit EngineObject(const Napi::CallbackInfo& info);

 private:
  void vocabulary(const Napi::CallbackInfo& info);
  void submit(const Napi::CallbackInfo& info);
  void cancel(const Napi::CallbackInfo& info);
  Napi::Value metrics(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  void seen(const Event& event) override;

  size_t vocabulary_size_ = 0;  // 0: none yet
  bool loading_ = true;
  bool closing_ = false;
};

}  // namespace llm
