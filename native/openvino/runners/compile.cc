#include "openvino/runners/compile.h"

#include <algorithm>
#include <cctype>
#include <chrono>

#include "openvino/core.h"
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

ov::CompiledModel compile(DecoderModel& decoder, const EngineConfig& config, const ov::AnyMap& properties,
                          const EventSink& post, RunnerInfo& info) {
  const auto choosing = Clock::now();
  auto chosen = properties;
  if (config.device.builtin_kernels) {
    auto setup = choose_kernels(*decoder.model, config, properties, post);
    info.kernels = std::move(setup.choices);
    info.packed = std::move(setup.packed);
    // The built-in kernels take and give f32. Where the processor has bf16, OpenVINO would convert around each of them.
    if (only_builtin_kernels(info.kernels)) chosen.emplace(ov::hint::inference_precision(ov::element::f32));
  }
  info.pack_ms = since(choosing);
  post(Progress{Stage::kCompile, 0, 1});
  const auto begin = Clock::now();
  ov::CompiledModel compiled;
  try {
    compiled = core().compile_model(decoder.model, config.device.name, chosen);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    const auto words = plain_words(error);
    throw Failure(blames(words, properties) ? ERR_PROPERTY : ERR_ENGINE,
                  "OpenVINO cannot compile it for " + config.device.name + ": " + words);
  }
  decoder.model.reset();  // its constants would stay in memory beside those of the compiled model
  info.compile_ms = since(begin);
  info.properties = effective_properties(compiled);
  try {
    info.devices = compiled.get_property(ov::execution_devices);
  } catch (const std::exception&) {
    info.devices = {config.device.name};
  }
  post(Progress{Stage::kCompile, 1, 1});
  return compiled;
}

}  // namespace llm
