#include "node/job_object.h"

#include <algorithm>

#include "node/fields.h"
#include "openvino/runtime.h"

namespace llm {
namespace {

JobWork make_work(Napi::Env env, const std::string& kind, const Napi::Object& args) {
  const auto text = [&](const char* name) {
    std::string value;
    read_field(args.Get(name), kind + "." + name, value);
    return value;
  };
  if (kind == "devices") {
    return [plugin = text("plugin")](const std::atomic<bool>&, const EventSink&) { return Done{list_devices(plugin)}; };
  }
  if (kind == "inspect") {
    return [path = text("modelPath"), device = text("device")](const std::atomic<bool>&, const EventSink&) {
      return Done{inspect_model(path, device)};
    };
  }
  if (kind == "convert") {
    return
        [source = text("source"), target = text("target")](const std::atomic<bool>& cancelled, const EventSink& post) {
          return Done{convert_gguf(source, target, cancelled, post)};
        };
  }
  if (kind == "check") {
    std::vector<int32_t> lengths;
    read_field(args.Get("lengths"), kind + ".lengths", lengths);
    const bool sensible = std::all_of(lengths.begin(), lengths.end(), [](int32_t length) { return length >= 1; });
    if (lengths.empty() || !sensible) throw Napi::TypeError::New(env, "addon: expected lengths of at least 1");
    auto device = read_struct<DeviceFeatures>(args.Get("device"), kind + ".device");
    return [path = text("modelPath"), device = std::move(device), lengths = std::move(lengths)](
               const std::atomic<bool>& cancelled, const EventSink& post) {
      return Done{check_model(path, device, lengths, cancelled, post)};
    };
  }
  if (kind == "compare") {
    std::vector<Token> tokens;
    read_field(args.Get("tokens"), kind + ".tokens", tokens);
    if (tokens.empty()) throw Napi::TypeError::New(env, "addon: expected at least one token");
    return [left = read_struct<EngineConfig>(args.Get("left"), kind + ".left"),
            right = read_struct<EngineConfig>(args.Get("right"), kind + ".right"),
            tokens = std::move(tokens)](const std::atomic<bool>& cancelled, const EventSink& post) {
      return Done{compare_models(left, right, tokens, cancelled, post)};
    };
  }
  throw Napi::TypeError::New(env, "addon: unknown job " + kind);
}

}  // namespace

Napi::Function JobObject::define(Napi::Env env) {
  return DefineClass(env, "Job", {InstanceMethod<&JobObject::cancel>("cancel")});
}

JobObject::JobObject(const Napi::CallbackInfo& info) : ThreadedObject(info) {
  if (!info[0].IsString() || !info[1].IsObject())
    throw Napi::TypeError::New(env_, "addon: expected a kind and its arguments");
  auto work = make_work(env_, info[0].As<Napi::String>().Utf8Value(), info[1].As<Napi::Object>());
  // Held from here until `closed`.
  begin(info[2], [&](EventSink post) { return std::make_unique<JobThread>(std::move(work), std::move(post)); });
}

void JobObject::cancel(const Napi::CallbackInfo&) {
  if (worker_) worker_->stop();
}

void JobObject::seen(const Event& event) {
  if (std::holds_alternative<Closed>(event)) end();
}

}  // namespace llm
