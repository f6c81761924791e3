#include "node/engine_object.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/scripted_runner.h"
#include "grammar/library.h"
#include "node/read_fields.h"
#include "node/write_fields.h"
#include "openvino/runtime.h"

namespace llm {
namespace {

std::unique_ptr<Runner> make_runner(const EngineConfig& config, const EventSink& post) {
  if (config.runner != "scripted") return open_runner(config, post);
  const auto& numbers = config.script_numbers;
  return std::make_unique<ScriptedRunner>(ScriptedRunner::Script{
      .tokens = config.script,
      .vocabulary = static_cast<size_t>(numbers[0]),
      .step = std::chrono::microseconds(numbers[1]),
      .fail_at = numbers[2],
      .fail_count = numbers[3],
      .max_sequences = static_cast<size_t>(config.max_sequences),
      .blocks = static_cast<size_t>(numbers[4]),
      .long_rope_border = static_cast<size_t>(numbers[5]),
      .distinct = numbers[6] != 0,
  });
}

void check(Napi::Env env, const EngineConfig& config) {
  const bool scripted = config.runner == "scripted";
  const auto expect = [env](bool holds, const char* what) {
    if (!holds) throw Napi::TypeError::New(env, std::string("addon: expected ") + what);
  };
  expect(scripted || config.runner == "stateful" || config.runner == "paged" || config.runner == "auto",
         "runner to be auto, paged, stateful or scripted");
  expect(config.rope_regime == "auto" || config.rope_regime == "short" || config.rope_regime == "long",
         "ropeRegime to be auto, short or long");
  const auto& device = config.device;
  expect(device.kv_memory == "none" || device.kv_memory == "host" || device.kv_memory == "device",
         "device.kvMemory to be none, host or device");
  expect(device.kv_memory == "none" || device.kv_block_tokens >= 1, "device.kvBlockTokens to be at least 1");
  expect(config.context_length >= 1, "contextLength to be at least 1");
  expect(config.prefill_chunk >= 1 && config.stateful_chunk >= 1, "prefillChunk and statefulChunk to be at least 1");
  expect(config.max_sequences >= 1 && config.max_sequences <= 1024, "maxSequences to be from 1 to 1024");
  expect(config.kv_tokens >= 1 && config.kv_bytes > 0, "kvTokens and kvBytes to be positive");
  expect(config.draft_tokens >= 0 && config.draft_tokens <= 64, "draftTokens to be from 0 to 64");
  expect(config.max_prompt >= 0 && config.min_response >= 0, "maxPrompt and minResponse not to be negative");
  for (int32_t size : config.warmup) expect(size >= 1, "every warmup size to be at least 1");
  if (!scripted) return;
  const auto& numbers = config.script_numbers;
  expect(numbers.size() == 7 && numbers[0] >= 1 && numbers[1] >= 0 && numbers[4] >= 0 && numbers[5] >= 0 &&
             !config.script.empty(),
         "a scripted runner to have a script and seven numbers");
  for (Token token : config.script) expect(token >= 0 && token < numbers[0], "script tokens inside the vocabulary");
}

// See RequestParams.logprobs in lib/engine/boundary.ts.
bool in_range(int32_t logprobs) { return logprobs >= -1 && logprobs <= 20; }

bool known(const Grammar& grammar) {
  const auto& kind = grammar.kind;
  if (grammar.none()) return grammar.source.empty();
  return kind == "json_schema" || kind == "regex" || kind == "lark" || kind == "llguidance";
}

// A budget needs an end of the reasoning, and tokens that make it.
bool sound(const Marks& marks, size_t tokens) {
  const auto sequences = [](const FlatSequences& flat) { return each_sequence(flat, [](auto) {}); };
  const auto inside = [tokens](Token token) { return token >= 0 && static_cast<size_t>(token) < tokens; };
  const auto& closing = marks.reasoning_closing;
  return sequences(marks.triggers) && sequences(marks.openers) && marks.reasoning_budget >= -1 &&
         (!marks.limit_reasoning() || (!marks.reasoning_end.empty() && !closing.empty())) &&
         std::all_of(closing.begin(), closing.end(), inside);
}

// Offsets ascend to the end of the bytes, and there is a flag for each token.
bool sound(const Vocabulary& vocabulary) {
  const auto& [bytes, offsets, special, ends] = vocabulary;
  const auto inside = [&special](Token token) { return token >= 0 && static_cast<size_t>(token) < special.size(); };
  return !special.empty() && offsets.size() == special.size() + 1 && offsets.front() == 0 &&
         offsets.back() == bytes.size() && std::is_sorted(offsets.begin(), offsets.end()) &&
         std::all_of(ends.begin(), ends.end(), inside);
}

SequenceId read_id(const Napi::Value& value) {
  const auto id = value.IsNumber() ? value.As<Napi::Number>().Int64Value() : 0;
  if (id <= 0) throw Napi::TypeError::New(value.Env(), "addon: expected id to be a positive integer");
  return id;
}

std::vector<SequenceId> read_ids(const Napi::Value& value) {
  std::vector<SequenceId> ids;
  if (value.IsArray()) {
    const auto array = value.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i) ids.push_back(read_id(array.Get(i)));
  }
  if (ids.empty()) throw Napi::TypeError::New(value.Env(), "addon: expected ids to be a list of at least one");
  return ids;
}

}  // namespace

Napi::Function EngineObject::define(Napi::Env env) {
  return DefineClass(
      env, "Engine",
      {InstanceMethod<&EngineObject::vocabulary>("vocabulary"), InstanceMethod<&EngineObject::submit>("submit"),
       InstanceMethod<&EngineObject::cancel>("cancel"), InstanceMethod<&EngineObject::metrics>("metrics"),
       InstanceMethod<&EngineObject::close>("close")});
}

EngineObject::EngineObject(const Napi::CallbackInfo& info) : ThreadedObject(info) {
  auto config = read_struct<EngineConfig>(info[0], "EngineConfig");
  check(env_, config);
  // Held from here until `ready` or `failed`.
  begin(info[1], [&](EventSink post) {
    return std::make_unique<EngineLoop>(std::move(config), make_runner, std::move(post), grammar_compilers());
  });
}

void EngineObject::vocabulary(const Napi::CallbackInfo& info) {
  auto vocabulary = read_struct<Vocabulary>(info[0], "Vocabulary");
  if (!sound(vocabulary)) throw Napi::RangeError::New(env_, "addon: Vocabulary is not consistent");
  if (!worker_ || closing_) throw Napi::Error::New(env_, "addon: the engine is closed");
  if (vocabulary_size_ > 0) throw Napi::Error::New(env_, "addon: the engine has a vocabulary");
  vocabulary_size_ = vocabulary.special.size();
  worker_->learn_vocabulary(std::move(vocabulary));
}

void EngineObject::submit(const Napi::CallbackInfo& info) {
  if (!worker_ || closing_) throw Napi::Error::New(env_, "addon: the engine is closed");
  Request request{read_ids(info[0]), read_tokens(info[1], "prompt"),
                  read_struct<RequestParams>(info[2], "RequestParams")};
  const auto& params = request.params;
  const auto beams = static_cast<size_t>(params.num_beams);
  const bool looks_up = params.lookup_tokens > 0;
  if (params.max_new_tokens < 0 || !in_range(static_cast<const SamplingParams&>(params)) ||
      !in_range(static_cast<const BeamParams&>(params)) ||
      (beams > 1 && (looks_up || params.max_new_tokens == 0 || params.marks.wait())) ||
      (beams > 1 && request.ids.size() > beams) || !std::isfinite(params.priority) || params.lookup_tokens < 0 ||
      params.lookup_tokens > 64 || params.lookup_ngram < 0 || params.lookup_ngram > 64 ||
      looks_up != (params.lookup_ngram > 0) || !in_range(params.logprobs) || !in_range(params.prompt_logprobs) ||
      params.prompt_logprobs_from < 1 || !known(params.grammar) || !sound(params.marks, vocabulary_size_) ||
      (params.grammar.none() && params.marks.wait())) {
    throw Napi::RangeError::New(env_, "addon: RequestParams out of range");
  }
  if ((!params.grammar.none() || params.marks.limit_reasoning()) && vocabulary_size_ == 0) {
    throw Napi::Error::New(env_, "addon: expected a vocabulary before a grammar");
  }
  for (size_t i = 0; i < request.ids.size(); ++i) channel_->hold(env_);
  worker_->submit(std::move(request));
}

void EngineObject::cancel(const Napi::CallbackInfo& info) {
  const auto id = read_id(info[0]);
  if (worker_) worker_->cancel(id);
}

Napi::Value EngineObject::metrics(const Napi::CallbackInfo&) {
  return to_js(env_, worker_ ? worker_->metrics() : Metrics{});
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
    return;
  }
  const auto* failed = std::get_if<Failed>(&event);
  if (std::holds_alternative<Ready>(event) || (failed && failed->id == 0)) {
    // An engine that dies after it was ready holds nothing for its load any more.
    if (std::exchange(loading_, false)) channel_->release(env_);
  } else if (failed || std::holds_alternative<Finished>(event)) {
    channel_->release(env_);
  }
}

}  // namespace llm
