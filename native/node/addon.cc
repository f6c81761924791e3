#include <napi.h>

#include "kernels/kernel.h"
#include "node/engine_object.h"
#include "node/exit.h"
#include "node/fields.h"
#include "node/job_object.h"
#include "node/thread_clock.h"
#include "openvino/runtime.h"

namespace {

Napi::Array to_array(Napi::Env env, const std::vector<std::string>& names) {
  auto array = Napi::Array::New(env, names.size());
  for (size_t i = 0; i < names.size(); ++i) array.Set(static_cast<uint32_t>(i), names[i]);
  return array;
}

Napi::Value build_info(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  auto fields = Napi::Object::New(env);
  fields.Set("DeviceFeatures", to_array(env, llm::describe_fields<llm::DeviceFeatures>()));
  fields.Set("EngineConfig", to_array(env, llm::describe_fields<llm::EngineConfig>()));
  fields.Set("RequestParams", to_array(env, llm::describe_fields<llm::RequestParams>()));
  auto object = Napi::Object::New(env);
  object.Set("version", OPENVINO_LLM_VERSION);
  object.Set("openvino", llm::openvino_version());
  std::vector<std::string> names;
  for (const auto* kernel : llm::kernels()) names.emplace_back(kernel->name);
  object.Set("kernels", to_array(env, names));
  object.Set("fields", fields);
  return object;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("buildInfo", Napi::Function::New(env, build_info, "buildInfo"));
  exports.Set("atExit", Napi::Function::New(env, llm::at_exit, "atExit"));
  exports.Set("threadClock", Napi::Function::New(env, llm::thread_clock, "threadClock"));
  exports.Set("threadCpuTime", Napi::Function::New(env, llm::thread_cpu_time, "threadCpuTime"));
  exports.Set("Engine", llm::EngineObject::define(env));
  exports.Set("Job", llm::JobObject::define(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(openvino_llm, init)
