// class Job of lib/engine/boundary.ts.
#pragma once
#include "engine/job.h"
#include "node/threaded_object.h"

namespace llm {

class JobObject : public ThreadedObject<JobObject, JobThread> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit JobObject(const Napi::CallbackInfo& info);

 private:
  void cancel(const Napi::CallbackInfo& info);
  void seen(const Event& event) override;
};

}  // namespace llm
