#include "node/job_object.h"

#include <tuple>

#include "node/jobs.h"
#include "node/read_fields.h"

namespace llm {
namespace {

template <class Kind>
JobWork make_work(const Napi::Value& value) {
  auto arguments = read_struct<typename Kind::Arguments>(value, Kind::kName);
  if (const char* expected = Kind::expectation(arguments)) {
    throw Napi::TypeError::New(value.Env(), std::string("addon: expected ") + expected);
  }
  return [arguments = std::move(arguments)](const std::atomic<bool>& cancelled, const EventSink& post) {
    return Done{Kind::run(arguments, cancelled, post)};
  };
}

template <class... Kinds>
JobWork make_work(const std::tuple<Kinds...>&, const std::string& kind, const Napi::Value& arguments) {
  JobWork work;
  ((kind == Kinds::kName ? void(work = make_work<Kinds>(arguments)) : void()), ...);
  if (!work) throw Napi::TypeError::New(arguments.Env(), "addon: unknown job " + kind);
  return work;
}

}  // namespace

Napi::Function JobObject::define(Napi::Env env) {
  return DefineClass(env, "Job", {InstanceMethod<&JobObject::cancel>("cancel")});
}

JobObject::JobObject(const Napi::CallbackInfo& info) : ThreadedObject(info) {
  if (!info[0].IsString()) throw Napi::TypeError::New(env_, "addon: expected the kind of a job");
  auto work = make_work(JobKinds{}, info[0].As<Napi::String>().Utf8Value(), info[1]);
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
