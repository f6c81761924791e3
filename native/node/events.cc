#include "node/events.h"

#include <algorithm>

namespace llm {
namespace {

template <class Map>
Napi::Object map_to_js(Napi::Env env, const Map& map) {
  auto object = Napi::Object::New(env);
  for (const auto& [name, value] : map) object.Set(name, value);
  return object;
}

Napi::Array list_to_js(Napi::Env env, const std::vector<std::string>& list) {
  auto array = Napi::Array::New(env, list.size());
  for (size_t i = 0; i < list.size(); ++i) array.Set(static_cast<uint32_t>(i), list[i]);
  return array;
}

Napi::Object facts_to_js(Napi::Env env, const GraphInfo& facts) {
  auto object = Napi::Object::New(env);
  object.Set("vocabularySize", static_cast<double>(facts.vocabulary_size));
  object.Set("longRopeBorder", static_cast<double>(facts.long_rope_border));
  object.Set("weights", map_to_js(env, facts.weights));
  object.Set("rtInfo", map_to_js(env, facts.rt_info));
  return object;
}

Napi::Array devices_to_js(Napi::Env env, const std::vector<DeviceInfo>& devices) {
  auto array = Napi::Array::New(env, devices.size());
  for (size_t i = 0; i < devices.size(); ++i) {
    auto object = Napi::Object::New(env);
    object.Set("name", devices[i].name);
    object.Set("fullName", devices[i].full_name);
    object.Set("properties", map_to_js(env, devices[i].properties));
    object.Set("error", devices[i].error);
    array.Set(static_cast<uint32_t>(i), object);
  }
  return array;
}

Napi::Object comparison_to_js(Napi::Env env, const ComparisonResult& facts) {
  auto object = Napi::Object::New(env);
  object.Set("positions", static_cast<double>(facts.positions));
  object.Set("agreeing", static_cast<double>(facts.agreeing));
  object.Set("nearTies", static_cast<double>(facts.near_ties));
  object.Set("divergence", facts.divergence);
  object.Set("leftLoss", facts.left_loss);
  object.Set("rightLoss", facts.right_loss);
  object.Set("maxDifference", facts.max_difference);
  object.Set("deviation", facts.deviation);
  return object;
}

Napi::Array kernels_to_js(Napi::Env env, const std::vector<KernelChoice>& choices) {
  auto array = Napi::Array::New(env, choices.size());
  for (size_t i = 0; i < choices.size(); ++i) {
    const auto& choice = choices[i];
    auto ratios = Napi::Array::New(env, choice.ratios.size());
    for (size_t j = 0; j < choice.ratios.size(); ++j) ratios.Set(static_cast<uint32_t>(j), choice.ratios[j]);
    auto object = Napi::Object::New(env);
    object.Set("scheme", choice.scheme);
    object.Set("layers", static_cast<double>(choice.layers));
    object.Set("kernel", choice.kernel);
    object.Set("ratios", ratios);
    object.Set("reason", choice.reason);
    array.Set(static_cast<uint32_t>(i), object);
  }
  return array;
}

Napi::Object info_to_js(Napi::Env env, const RunnerInfo& from, double warmup_ms) {
  auto info = facts_to_js(env, from.model);
  info.Set("runner", from.runner);
  info.Set("reason", from.reason);
  info.Set("devices", list_to_js(env, from.devices));
  info.Set("properties", map_to_js(env, from.properties));
  info.Set("maxSequences", static_cast<double>(from.max_sequences));
  info.Set("canDraft", from.can_draft);
  info.Set("ropeRegime", from.rope);
  auto kv = Napi::Object::New(env);
  kv.Set("tokens", static_cast<double>(from.kv_tokens));
  kv.Set("bytes", from.kv_bytes);
  kv.Set("blockTokens", static_cast<double>(from.kv_block_tokens));
  kv.Set("precision", from.kv_precision);
  info.Set("kvCache", kv);
  info.Set("kernels", kernels_to_js(env, from.kernels));
  auto packed = Napi::Object::New(env);
  packed.Set("bytes", from.packed.bytes);
  packed.Set("file", from.packed.file);
  packed.Set("reused", from.packed.reused);
  info.Set("packed", packed);
  info.Set("maxPrompt", static_cast<double>(from.max_prompt));
  auto timings = Napi::Object::New(env);
  timings.Set("read", from.read_ms);
  timings.Set("pack", from.pack_ms);
  timings.Set("compile", from.compile_ms);
  timings.Set("warmup", warmup_ms);
  info.Set("timings", timings);
  return info;
}

const char* reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kCancelled:
      return "cancelled";
  }
  return "";
}

struct Fill {
  Napi::Env env;
  Napi::Object& object;

  void operator()(const Progress& event) const {
    object.Set("type", "progress");
    object.Set("stage", event.stage);
    object.Set("done", static_cast<double>(event.done));
    object.Set("total", static_cast<double>(event.total));
  }
  void operator()(const Warning& event) const {
    object.Set("type", "warning");
    object.Set("code", event.code);
    object.Set("message", event.message);
  }
  void operator()(const Ready& event) const {
    object.Set("type", "ready");
    object.Set("info", info_to_js(env, event.info, event.warmup_ms));
  }
  void operator()(const Reopened& event) const {
    object.Set("type", "reopened");
    object.Set("info", info_to_js(env, event.info, 0));
  }
  void operator()(const Tokens& event) const {
    auto array = Napi::Int32Array::New(env, event.tokens.size());
    std::copy(event.tokens.begin(), event.tokens.end(), array.Data());
    object.Set("type", "tokens");
    object.Set("id", static_cast<double>(event.id));
    object.Set("tokens", array);
  }
  void operator()(const Reprefill& event) const {
    object.Set("type", "reprefill");
    object.Set("id", static_cast<double>(event.id));
    object.Set("done", static_cast<double>(event.done));
    object.Set("total", static_cast<double>(event.total));
  }
  void operator()(const Finished& event) const {
    auto timings = Napi::Object::New(env);
    timings.Set("queued", event.timings.queued);
    timings.Set("prefill", event.timings.prefill);
    timings.Set("decode", event.timings.decode);
    timings.Set("reprefill", event.timings.reprefill);
    timings.Set("cachedTokens", static_cast<double>(event.timings.cached_tokens));
    timings.Set("draftTokens", static_cast<double>(event.timings.draft_tokens));
    timings.Set("acceptedTokens", static_cast<double>(event.timings.accepted_tokens));
    object.Set("type", "finished");
    object.Set("id", static_cast<double>(event.id));
    object.Set("reason", reason_name(event.reason));
    object.Set("timings", timings);
  }
  void operator()(const Failed& event) const {
    object.Set("type", "failed");
    object.Set("id", static_cast<double>(event.id));
    object.Set("code", name_of(event.code));
    object.Set("message", event.message);
  }
  void operator()(const Done& event) const {
    object.Set("type", "done");
    if (const auto* facts = std::get_if<GraphInfo>(&event.result)) {
      object.Set("result", facts_to_js(env, *facts));
    } else if (const auto* inspection = std::get_if<Inspection>(&event.result)) {
      auto found = facts_to_js(env, inspection->model);
      found.Set("kvValuesPerToken", static_cast<double>(inspection->kv_values_per_token));
      found.Set("layers", static_cast<double>(inspection->layers));
      found.Set("matmulWidth", static_cast<double>(inspection->matmul_width));
      found.Set("packedBytes", static_cast<double>(inspection->packed_bytes));
      found.Set("inferencePrecision", inspection->inference_precision);
      object.Set("result", found);
    } else if (const auto* check = std::get_if<ComparisonResult>(&event.result)) {
      object.Set("result", comparison_to_js(env, *check));
    } else {
      object.Set("result", devices_to_js(env, std::get<std::vector<DeviceInfo>>(event.result)));
    }
  }
  void operator()(const Closed&) const { object.Set("type", "closed"); }
};

}  // namespace

Napi::Object to_js(Napi::Env env, const Event& event) {
  auto object = Napi::Object::New(env);
  std::visit(Fill{env, object}, event);
  return object;
}

Napi::Object to_js(Napi::Env env, const Metrics& metrics) {
  auto object = Napi::Object::New(env);
  const auto set = [&object](const char* name, auto value) { object.Set(name, static_cast<double>(value)); };
  set("running", metrics.running);
  set("waiting", metrics.waiting);
  set("blocks", metrics.kv.blocks);
  set("blocksUsed", metrics.kv.used);
  set("blocksCached", metrics.kv.cached);
  set("evictions", metrics.kv.evictions);
  set("steps", metrics.steps);
  set("promptTokens", metrics.prompt_tokens);
  set("cachedTokens", metrics.cached_tokens);
  set("prefixHits", metrics.prefix_hits);
  set("generatedTokens", metrics.generated_tokens);
  set("draftTokens", metrics.draft_tokens);
  set("acceptedTokens", metrics.accepted_tokens);
  set("preemptions", metrics.preemptions);
  return object;
}

}  // namespace llm
