#include <napi.h>

#include "grammar/library.h"
#include "kernels/kernel.h"
#include "node/describe.h"
#include "node/engine_object.h"
#include "node/exit.h"
#include "node/file_lock.h"
#include "node/job_object.h"
#include "node/thread_clock.h"
#include "node/write_fields.h"
#include "openvino/runtime.h"

namespace {

Napi::Value build_info(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  std::vector<std::string> kernels;
  for (const auto* kernel : llm::kernels()) kernels.emplace_back(kernel->name);
  auto object = Napi::Object::New(env);
  object.Set("version", OPENVINO_LLM_VERSION);
  object.Set("openvino", llm::openvino_version());
  object.Set("kernels", llm::to_js(env, kernels));
  object.Set("grammar", llm::grammar_library());
  object.Set("boundary", llm::to_js(env, llm::describe_boundary()));
  return object;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("buildInfo", Napi::Function::New(env, build_info, "buildInfo"));
  exports.Set("atExit", Napi::Function::New(env, llm::at_exit, "atExit"));
  exports.Set("threadClock", Napi::Function::New(env, llm::thread_clock, "threadClock"));
  exports.Set("threadCpuTime", Napi::Function::New(env, llm::thread_cpu_time, "threadCpuTime"));
  exports.Set("tryFileLock", Napi::Function::New(env, llm::try_file_lock, "tryFileLock"));
  exports.Set("Engine", llm::EngineObject::define(env));
  exports.Set("Job", llm::JobObject::define(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(openvino_llm, init)
