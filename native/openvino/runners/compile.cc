#include "openvino/runners/compile.h"

#include <algorithm>
#include <cctype>
#include <chrono>

#include "openvino/attention/attention_choice.h"
#include "openvino/core.h"
#include "openvino/kernels/fusion.h"
#include "openvino/kernels/kernel_choice.h"

namespace llm {
namespace {

// Whether a message of OpenVINO names one of these properties.
bool blames(const std::string& words, const ov::AnyMap& properties) {
  return std::any_of(properties.begin(), properties.end(), [&](const auto& property) {
    const auto found = words.find(property.first);
    const auto end = found + property.first.size();
    return found != std::string::npos && (end >= words.size() || (std::isalnum(words[end]) == 0 && words[end] != '_'));
  });
}

std::map<std::string, std::string> effective_properties(const ov::CompiledModel& compiled) {
  std::map<std::string, std::string> effective;
  for (const auto& name : compiled.get_property(ov::supported_properties)) {
    try {
      effective[name] = compiled.get_property(name).as<std::string>();
    } catch (const std::exception&) {
      // A property without a text form is not shown.
    }
  }
  return effective;
}

bool only_builtin_kernels(const std::vector<KernelChoice>& choices) {
  const auto builtin = [](const KernelChoice& choice) { return choice.kernel != "openvino"; };
  return !choices.empty() && std::all_of(choices.begin(), choices.end(), builtin);
}

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

}  // namespace

ov::AnyMap with_kernels(ov::AnyMap properties, const std::vector<KernelChoice>& kernels) {
  // Where the processor has bf16, OpenVINO would convert around each of them.
  if (only_builtin_kernels(kernels)) properties.emplace(ov::hint::inference_precision(ov::element::f32));
  return properties;
}

void note_compiled(const ov::CompiledModel& compiled, const EngineConfig& config, RunnerInfo& info) {
  info.properties = effective_properties(compiled);
  try {
    info.devices = compiled.get_property(ov::execution_devices);
  } catch (const std::exception&) {
    info.devices = {config.device.name};
  }
}

DecoderModel read_model(const EngineConfig& config, const EventSink& post, RunnerInfo& info,
                        const std::function<void(DecoderModel&)>& change) {
  post(Progress{Stage::kRead, 0, 1});
  const auto begin = Clock::now();
  auto decoder = read_decoder(config.model_path);
  change(decoder);
  info.model = decoder.info;
  info.read_ms = since(begin);
  post(Progress{Stage::kRead, 1, 1});
  return decoder;
}

Compiled compile(DecoderModel& decoder, const EngineConfig& config, const ov::AnyMap& properties, const EventSink& post,
                 RunnerInfo& info) {
  const auto choosing = Clock::now();
  Compiled compiled;
  BuiltinLayers& builtin = compiled.builtin;
  if (config.device.builtin_kernels) {
    auto setup = choose_kernels(*decoder.model, config, properties, post);
    info.kernels = std::move(setup.choices);
    builtin = std::move(setup.builtin);
    info.packed = builtin.packed;
    auto attention = choose_attention(*decoder.model, config, with_kernels(properties, info.kernels));
    info.attention = std::move(attention.choices);
    info.kv_precision = std::move(attention.kv_precision);
    if (!builtin.layers.empty()) builtin.programs = fuse_steps(*decoder.model);
  }
  const auto chosen = with_kernels(properties, info.kernels);
  info.pack_ms = since(choosing);
  post(Progress{Stage::kCompile, 0, 1});
  const auto begin = Clock::now();
  const bool kept = builtin.layers.empty() || !config.packed_path.empty();  // else their weights are in memory alone
  if (!config.graph_path.empty() && kept) compiled.parts = graph_parts(*decoder.model, builtin);
  try {
    compiled.model = core().compile_model(decoder.model, config.device.name, chosen);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    const auto words = plain_words(error);
    throw Failure(blames(words, properties) ? ERR_PROPERTY : code_of(words, ERR_ENGINE),
                  "OpenVINO cannot compile it for " + config.device.name + ": " + words);
  }
  decoder.model.reset();  // its constants would stay in memory beside those of the compiled model
  info.compile_ms = since(begin);
  note_compiled(compiled.model, config, info);
  post(Progress{Stage::kCompile, 1, 1});
  return compiled;
}

}  // namespace llm
