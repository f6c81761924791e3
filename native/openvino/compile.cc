#include "compile.h"

#include <algorithm>
#include <chrono>

#include "core.h"
#include "kernel_choice.h"

namespace llm {
namespace {

// Virtual devices (AUTO, HETERO:…) are always there and pass properties on, so only a real device's own list can be
// checked.
bool is_virtual(const std::string& device) { return device.find(':') != std::string::npos || device == "AUTO"; }

ov::AnyMap parse_properties(const EngineConfig& config) {
  ov::AnyMap properties;
  for (const auto& line : config.properties) {
    const auto sign = line.find('=');
    if (sign == std::string::npos) throw Failure("ERR_PROPERTY", "expected KEY=VALUE, found " + line);
    properties[line.substr(0, sign)] = line.substr(sign + 1);
  }
  return properties;
}

void check_device(const EngineConfig& config) {
  const auto present = core().get_available_devices();
  const auto matches = [&](const std::string& name) {
    return name == config.device || name.rfind(config.device + ".", 0) == 0;
  };
  if (std::any_of(present.begin(), present.end(), matches)) return;
  std::string list;
  for (const auto& name : present) list += (list.empty() ? "" : ", ") + name;
  throw Failure("ERR_DEVICE", "device " + config.device + " is not present; OpenVINO sees " + list);
}

void check_properties(const EngineConfig& config, const ov::AnyMap& properties) {
  const auto known = core().get_property(config.device, ov::supported_properties);
  for (const auto& [name, value] : properties) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string list;
    for (const auto& property : known) {
      if (property.is_mutable()) list += (list.empty() ? "" : ", ") + property;
    }
    throw Failure("ERR_PROPERTY", "ovConfig: " + config.device + " has no property " + name + "; it has " + list);
  }
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

bool only_own_kernels(const std::vector<KernelChoice>& choices) {
  const auto own = [](const KernelChoice& choice) { return choice.kernel != "openvino"; };
  return !choices.empty() && std::all_of(choices.begin(), choices.end(), own);
}

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

}  // namespace

ov::AnyMap checked_properties(const EngineConfig& config) {
  auto properties = parse_properties(config);
  if (!is_virtual(config.device)) {
    check_device(config);
    check_properties(config, properties);
  }
  return properties;
}

DecoderModel read_model(const EngineConfig& config, const EventSink& post, RunnerInfo& info,
                        const std::function<void(DecoderModel&)>& change) {
  post(Progress{"read", 0, 1});
  const auto begin = Clock::now();
  auto decoder = read_decoder(config.model_path);
  change(decoder);
  info.model = decoder.facts;
  info.read_ms = since(begin);
  post(Progress{"read", 1, 1});
  return decoder;
}

ov::CompiledModel compile(DecoderModel& decoder, const EngineConfig& config, const ov::AnyMap& properties,
                          const EventSink& post, RunnerInfo& info) {
  const auto choosing = Clock::now();
  auto chosen = properties;
  if (config.device == "CPU") {
    auto setup = choose_kernels(*decoder.model, config, properties, post);
    info.kernels = std::move(setup.choices);
    info.packed = std::move(setup.packed);
    // The own kernels take and give f32. Where the processor has bf16, OpenVINO would convert around each of them.
    if (only_own_kernels(info.kernels)) chosen.emplace(ov::hint::inference_precision(ov::element::f32));
  }
  info.pack_ms = since(choosing);
  post(Progress{"compile", 0, 1});
  const auto begin = Clock::now();
  ov::CompiledModel compiled;
  try {
    compiled = core().compile_model(decoder.model, config.device, chosen);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw Failure("ERR_ENGINE", "OpenVINO cannot compile it for " + config.device + ": " + plain_words(error));
  }
  decoder.model.reset();  // its constants would stay in memory beside the compiled ones
  info.compile_ms = since(begin);
  info.properties = effective_properties(compiled);
  try {
    info.devices = compiled.get_property(ov::execution_devices);
  } catch (const std::exception&) {
    info.devices = {config.device};
  }
  post(Progress{"compile", 1, 1});
  return compiled;
}

}  // namespace llm
