// The fields that cross the boundary, one list a structure. read_fields.h reads with them, write_fields.h writes with
// them and describe.h describes them for buildInfo, so that the three cannot differ. A new field is a line here and one
// in lib/engine/fields.ts, which holds the other side's list; they are compared when the addon is loaded.
#pragma once
#include "engine/event.h"
#include "engine/metrics.h"
#include "engine/request.h"
#include "engine/types.h"

namespace llm {

// Downwards.

template <class Visit>
void each_field(DeviceFeatures& device, Visit&& visit) {
  visit("name", device.name);
  visit("mustBePresent", device.must_be_present);
  visit("propertySources", device.property_sources);
  visit("uncheckedPrefix", device.unchecked_prefix);
  visit("nestedProperties", device.nested_properties);
  visit("builtinKernels", device.builtin_kernels);
  visit("kvMemory", device.kv_memory);
  visit("kvBlockTokens", device.kv_block_tokens);
  visit("kvTransposedKeys", device.kv_transposed_keys);
}

template <class Visit>
void each_field(EngineConfig& config, Visit&& visit) {
  visit("runner", config.runner);
  visit("modelPath", config.model_path);
  visit("device", config.device);
  visit("properties", config.properties);
  visit("precisionFallback", config.precision_fallback);
  visit("gatherRows", config.gather_rows);
  visit("ropeRegime", config.rope_regime);
  visit("contextLength", config.context_length);
  visit("prefillChunk", config.prefill_chunk);
  visit("statefulChunk", config.stateful_chunk);
  visit("maxSequences", config.max_sequences);
  visit("kvTokens", config.kv_tokens);
  visit("kvBytes", config.kv_bytes);
  visit("maxPrompt", config.max_prompt);
  visit("minResponse", config.min_response);
  visit("draftModelPath", config.draft_model_path);
  visit("draftTokens", config.draft_tokens);
  visit("cpuKernel", config.cpu_kernel);
  visit("cpuAttention", config.cpu_attention);
  visit("activationSpan", config.activation_span);
  visit("kernelChoices", config.kernel_choices);
  visit("packedPath", config.packed_path);
  visit("graphPath", config.graph_path);
  visit("warmup", config.warmup);
  visit("script", config.script);
  visit("scriptNumbers", config.script_numbers);
}

template <class Visit>
void each_field(Grammar& grammar, Visit&& visit) {
  visit("kind", grammar.kind);
  visit("source", grammar.source);
}

template <class Visit>
void each_field(Marks& marks, Visit&& visit) {
  visit("triggers", marks.triggers);
  visit("openers", marks.openers);
  visit("freeAgain", marks.free_again);
  visit("reasoningBegin", marks.reasoning_begin);
  visit("reasoningEnd", marks.reasoning_end);
  visit("reasoningOpen", marks.reasoning_open);
  visit("reasoningAgain", marks.reasoning_again);
  visit("reasoningBudget", marks.reasoning_budget);
  visit("reasoningClosing", marks.reasoning_closing);
}

template <class Visit>
void each_field(Vocabulary& vocabulary, Visit&& visit) {
  visit("bytes", vocabulary.bytes);
  visit("offsets", vocabulary.offsets);
  visit("special", vocabulary.special);
  visit("endTokens", vocabulary.end_tokens);
}

template <class Visit>
void each_field(RequestParams& params, Visit&& visit) {
  visit("maxNewTokens", params.max_new_tokens);
  visit("stopTokenIds", params.stop_token_ids);
  each_field(static_cast<SamplingParams&>(params), visit);
  each_field(static_cast<BeamParams&>(params), visit);
  visit("priority", params.priority);
  visit("lookupNgram", params.lookup_ngram);
  visit("lookupTokens", params.lookup_tokens);
  visit("logprobs", params.logprobs);
  visit("processedLogprobs", params.processed_logprobs);
  visit("promptLogprobs", params.prompt_logprobs);
  visit("promptLogprobsFrom", params.prompt_logprobs_from);
  visit("grammar", params.grammar);
  visit("marks", params.marks);
}

// Upwards.

template <class Visit>
void each_field(const GraphInfo& graph, Visit&& visit) {
  visit("vocabularySize", graph.vocabulary_size);
  visit("longRopeBorder", graph.long_rope_border);
  visit("weights", graph.weights);
  visit("rtInfo", graph.rt_info);
}

template <class Visit>
void each_field(const Inspection& found, Visit&& visit) {
  each_field(found.model, visit);
  visit("kvValuesPerToken", found.kv_values_per_token);
  visit("layers", found.layers);
  visit("matmulWidth", found.matmul_width);
  visit("packedBytes", found.packed_bytes);
  visit("inferencePrecision", found.inference_precision);
}

template <class Visit>
void each_field(const DeviceInfo& device, Visit&& visit) {
  visit("name", device.name);
  visit("fullName", device.full_name);
  visit("properties", device.properties);
  visit("error", device.error);
}

template <class Visit>
void each_field(const ComparisonResult& found, Visit&& visit) {
  visit("positions", found.positions);
  visit("agreeing", found.agreeing);
  visit("nearTies", found.near_ties);
  visit("windows", found.windows);
  visit("divergence", found.divergence);
  visit("leftLoss", found.left_loss);
  visit("rightLoss", found.right_loss);
  visit("maxDifference", found.max_difference);
  visit("deviation", found.deviation);
}

template <class Visit>
void each_field(const KernelChoice& choice, Visit&& visit) {
  visit("scheme", choice.scheme);
  visit("size", choice.size);
  visit("layers", choice.layers);
  visit("kernel", choice.kernel);
  visit("ratios", choice.ratios);
  visit("spread", choice.spread);
  visit("inDoubt", choice.in_doubt);
  visit("reason", choice.reason);
}

template <class Visit>
void each_field(const AttentionChoice& choice, Visit&& visit) {
  visit("kernel", choice.kernel);
  visit("layers", choice.layers);
  visit("reason", choice.reason);
}

template <class Visit>
void each_field(const PackedInfo& packed, Visit&& visit) {
  visit("bytes", packed.bytes);
  visit("file", packed.file);
  visit("reused", packed.reused);
}

// Parts of a RunnerInfo that are objects of their own in JavaScript. They live no longer than what they refer to.
struct KvCacheView {
  const RunnerInfo& of;
};
struct LoadTimingsView {
  const RunnerInfo& of;
  double warmup_ms;
};
struct ReadyView {
  const RunnerInfo& of;
  double warmup_ms;
};

template <class Visit>
void each_field(const KvCacheView& view, Visit&& visit) {
  visit("tokens", view.of.kv_tokens);
  visit("bytes", view.of.kv_bytes);
  visit("blockTokens", view.of.kv_block_tokens);
  visit("precision", view.of.kv_precision);
}

template <class Visit>
void each_field(const LoadTimingsView& view, Visit&& visit) {
  visit("read", view.of.read_ms);
  visit("pack", view.of.pack_ms);
  visit("compile", view.of.compile_ms);
  visit("warmup", view.warmup_ms);
}

template <class Visit>
void each_field(const ReadyView& view, Visit&& visit) {
  each_field(view.of.model, visit);
  visit("runner", view.of.runner);
  visit("reason", view.of.reason);
  visit("devices", view.of.devices);
  visit("properties", view.of.properties);
  visit("maxSequences", view.of.max_sequences);
  visit("batching", view.of.batching);
  visit("batchingReason", view.of.batching_reason);
  visit("canDraft", view.of.can_trim);
  visit("canFork", view.of.can_fork);
  visit("ropeRegime", view.of.rope);
  visit("kvCache", KvCacheView{view.of});
  visit("kernels", view.of.kernels);
  visit("attention", view.of.attention);
  visit("packed", view.of.packed);
  visit("maxPrompt", view.of.max_prompt);
  visit("timings", LoadTimingsView{view.of, view.warmup_ms});
}

template <class Visit>
void each_field(const Timings& timings, Visit&& visit) {
  visit("queued", timings.queued);
  visit("prefill", timings.prefill);
  visit("decode", timings.decode);
  visit("reprefill", timings.reprefill);
  visit("cachedTokens", timings.cached_tokens);
  visit("draftTokens", timings.draft_tokens);
  visit("acceptedTokens", timings.accepted_tokens);
}

template <class Visit>
void each_field(const Metrics& metrics, Visit&& visit) {
  visit("running", metrics.running);
  visit("waiting", metrics.waiting);
  visit("blocks", metrics.kv.blocks);
  visit("blocksUsed", metrics.kv.used);
  visit("blocksCached", metrics.kv.cached);
  visit("evictions", metrics.kv.evictions);
  visit("steps", metrics.steps);
  visit("promptTokens", metrics.prompt_tokens);
  visit("cachedTokens", metrics.cached_tokens);
  visit("prefixHits", metrics.prefix_hits);
  visit("generatedTokens", metrics.generated_tokens);
  visit("draftTokens", metrics.draft_tokens);
  visit("acceptedTokens", metrics.accepted_tokens);
  visit("preemptions", metrics.preemptions);
}

// Events: each also gets its name, as `type`.

template <class Visit>
void each_field(const Progress& event, Visit&& visit) {
  visit("stage", event.stage);
  visit("done", event.done);
  visit("total", event.total);
}

template <class Visit>
void each_field(const Warning& event, Visit&& visit) {
  visit("code", event.code);
  visit("message", event.message);
}

template <class Visit>
void each_field(const Ready& event, Visit&& visit) {
  visit("info", ReadyView{event.info, event.warmup_ms});
}

template <class Visit>
void each_field(const Reopened& event, Visit&& visit) {
  visit("info", ReadyView{event.info, 0});
}

template <class Visit>
void each_field(const Tokens& event, Visit&& visit) {
  visit("id", event.id);
  visit("tokens", event.tokens);
}

template <class Visit>
void each_field(const BeamAnswer& event, Visit&& visit) {
  visit("id", event.id);
  visit("tokens", event.tokens);
  visit("score", event.score);
}

template <class Visit>
void each_field(const Logprobs& event, Visit&& visit) {
  visit("id", event.id);
  visit("ofPrompt", event.of_prompt);
  visit("values", event.values);
  visit("topTokens", event.top_tokens);
  visit("topValues", event.top_values);
}

template <class Visit>
void each_field(const Reprefill& event, Visit&& visit) {
  visit("id", event.id);
  visit("done", event.done);
  visit("total", event.total);
}

template <class Visit>
void each_field(const Finished& event, Visit&& visit) {
  visit("id", event.id);
  visit("reason", event.reason);
  visit("timings", event.timings);
}

template <class Visit>
void each_field(const Failed& event, Visit&& visit) {
  visit("id", event.id);
  visit("code", event.code);
  visit("message", event.message);
}

template <class Visit>
void each_field(const Done& event, Visit&& visit) {
  visit("result", event.result);
}

template <class Visit>
void each_field(const Closed&, Visit&&) {}

// What lib/engine/fields.ts calls a structure, an event or a set of names.
template <class T>
inline constexpr const char* kTypeName = nullptr;
template <>
inline constexpr const char* kTypeName<DeviceFeatures> = "DeviceFeatures";
template <>
inline constexpr const char* kTypeName<EngineConfig> = "EngineConfig";
template <>
inline constexpr const char* kTypeName<RequestParams> = "RequestParams";
template <>
inline constexpr const char* kTypeName<Grammar> = "Grammar";
template <>
inline constexpr const char* kTypeName<Marks> = "Marks";
template <>
inline constexpr const char* kTypeName<Vocabulary> = "Vocabulary";
template <>
inline constexpr const char* kTypeName<GraphInfo> = "NativeGraph";
template <>
inline constexpr const char* kTypeName<Inspection> = "NativeInspection";
template <>
inline constexpr const char* kTypeName<DeviceInfo> = "NativeDevice";
template <>
inline constexpr const char* kTypeName<ComparisonResult> = "NativeComparison";
template <>
inline constexpr const char* kTypeName<KernelChoice> = "NativeKernelChoice";
template <>
inline constexpr const char* kTypeName<AttentionChoice> = "NativeAttentionChoice";
template <>
inline constexpr const char* kTypeName<PackedInfo> = "PackedWeights";
template <>
inline constexpr const char* kTypeName<KvCacheView> = "KvCache";
template <>
inline constexpr const char* kTypeName<LoadTimingsView> = "LoadTimings";
template <>
inline constexpr const char* kTypeName<ReadyView> = "ReadyInfo";
template <>
inline constexpr const char* kTypeName<Timings> = "NativeTimings";
template <>
inline constexpr const char* kTypeName<Metrics> = "NativeMetrics";
template <>
inline constexpr const char* kTypeName<Progress> = "progress";
template <>
inline constexpr const char* kTypeName<Warning> = "warning";
template <>
inline constexpr const char* kTypeName<Ready> = "ready";
template <>
inline constexpr const char* kTypeName<Reopened> = "reopened";
template <>
inline constexpr const char* kTypeName<Tokens> = "tokens";
template <>
inline constexpr const char* kTypeName<BeamAnswer> = "beam-answer";
template <>
inline constexpr const char* kTypeName<Logprobs> = "logprobs";
template <>
inline constexpr const char* kTypeName<Reprefill> = "reprefill";
template <>
inline constexpr const char* kTypeName<Finished> = "finished";
template <>
inline constexpr const char* kTypeName<Failed> = "failed";
template <>
inline constexpr const char* kTypeName<Done> = "done";
template <>
inline constexpr const char* kTypeName<Closed> = "closed";
template <>
inline constexpr const char* kTypeName<Stage> = "Stage";
template <>
inline constexpr const char* kTypeName<FinishReason> = "FinishReason";
template <>
inline constexpr const char* kTypeName<ErrorCode> = "ErrorCode";

}  // namespace llm
