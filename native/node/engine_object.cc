#include "engine_object.h"

#include "../engine/scripted_runner.h"
#include "../openvino/runtime.h"
#include "fields.h"

namespace llm {
namespace {

std::unique_ptr<Runner> make_runner(const EngineConfig& config, const EventSink& post) {
  if (config.runner == "stateful") return open_stateful_runner(config, post);
  const auto& numbers = config.script_numbers;
  return std::make_unique<ScriptedRunner>(ScriptedRunner::Script{
      .tokens = config.script,
      .vocabulary = static_cast<size_t>(numbers[0]),
      .step = std::chrono::microseconds(numbers[1]),
      .fail_at = numbers[2],
      .fail_count = numbers[3],
  });
}

void check(Napi::Env env, const EngineConfig& config) {
  const bool scripted = config.runner == "scripted";
  if (!scripted && config.runner != "stateful")
    throw Napi::TypeError::New(env, "addon: unknown runner " + config.runner);
  if (config.prefill_chunk < 1) throw Napi::TypeError::New(env, "addon: expected prefillChunk to be at least 1");
  for (int32_t size : config.warmup) {
    if (size < 1) throw Napi::TypeError::New(env, "addon: expected every warmup size to be at least 1");
  }
  if (!scripted) return;
  const auto& numbers = config.script_numbers;
  if (numbers.size() != 4 || numbers[0] < 1 || numbers[1] < 0 || config.script.empty()) {
    throw Napi::TypeError::New(env, "addon: a scripted runner needs a script and four numbers");
  }
  for (Token token : config.script) {
    if (token < 0 || token >= numbers[0])
      throw Napi::TypeError::New(env, "addon: a script token is outside the vocabulary");
  }
}

SequenceId read_id(const Napi::Value& value) {
  const auto id = value.IsNumber() ? value.As<Napi::Number>().Int64Value() : 0;
  if (id <= 0) throw Napi::TypeError::New(value.Env(), "addon: expected id to be a positive integer");
  return id;
}

}  // namespace

Napi::Function EngineObject::define(Napi::Env env) {
  return DefineClass(env, "Engine",
                     {InstanceMethod<&EngineObject::submit>("submit"), InstanceMethod<&EngineObject::cancel>("cancel"),
                      InstanceMethod<&EngineObject::close>("close")});
}

EngineObject::EngineObject(const Napi::CallbackInfo& info) : ThreadedObject(info) {
  auto config = read_struct<EngineConfig>(info[0], "EngineConfig");
  check(env_, config);
  // Held from here until `ready` or `failed`.
  begin(info[1],
        [&](EventSink post) { return std::make_unique<EngineLoop>(std::move(config), make_runner, std::move(post)); });
}

void EngineObject::submit(const Napi::CallbackInfo& info) {
  if (!worker_ || closing_) throw Napi::Error::New(env_, "addon: the engine is closed");
  Request request{read_id(info[0]), read_tokens(info[1], "prompt"),
                  read_struct<RequestParams>(info[2], "RequestParams")};
  const auto& params = request.params;
  if (params.max_new_tokens < 1 || !(params.temperature >= 0) || params.top_k < 0 ||
      !(params.top_p > 0 && params.top_p <= 1)) {
    throw Napi::RangeError::New(env_, "addon: RequestParams out of range");
  }
  channel_->hold(env_);
  worker_->submit(std::move(request));
}

void EngineObject::cancel(const Napi::CallbackInfo& info) {
  const auto id = read_id(info[0]);
  if (worker_) worker_->cancel(id);
}

void EngineObject::close(const Napi::CallbackInfo&) {
  if (!worker_ || closing_) return;
  closing_ = true;
  channel_->hold(env_);  // until `closed`
  worker_->stop();
}

void EngineObject::seen(const Event& event) {
  if (std::holds_alternative<Closed>(event)) {
    end();
  } else if (std::holds_alternative<Ready>(event) || std::holds_alternative<Finished>(event) ||
             std::holds_alternative<Failed>(event)) {
    channel_->release(env_);
  }
}

}  // namespace llm
