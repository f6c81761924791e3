#include "openvino/runners/compile.h"

#include <algorithm>
#include <cctype>
#include <chrono>

#include "openvino/core.h"
#include "openvino/kernels/kernel_choice.h"

namespace llm {
namespace {

ov::AnyMap parse_properties(const EngineConfig& config) {
  ov::AnyMap properties;
  for (const auto& line : config.properties) {
    const auto sign = line.find('=');
    if (sign == std::string::npos) throw Failure(ERR_PROPERTY, "expected KEY=VALUE, found " + line);
    properties[line.substr(0, sign)] = line.substr(sign + 1);
  }
  return properties;
}

void require_present(const std::string& device) {
  const auto present = core().get_available_devices();
  const auto matches = [&](const std::string& name) { return name == device || name.rfind(device + ".", 0) == 0; };
  if (std::any_of(present.begin(), present.end(), matches)) return;
  std::string list;
  for (const auto& name : present) list += (list.empty() ? "" : ", ") + name;
  throw Failure(ERR_DEVICE, "device " + device + " is not present; OpenVINO sees " + list);
}

// Those of a device, each with whether it can be set; empty when the device cannot be asked.
std::map<std::string, bool> known_properties(const std::string& device) {
  std::map<std::string, bool> known;
  try {
    for (const auto& property : core().get_property(device, ov::supported_properties)) {
      known[property] = property.is_mutable();
    }
  } catch (const std::exception&) {
    // One of several devices is not there: what the others have counts.
  }
  return known;
}

void require_known(const std::string& device, const std::string& unchecked_prefix,
                   const std::map<std::string, bool>& known, const ov::AnyMap& properties) {
  for (const auto& [name, value] : properties) {
    if (known.contains(name)) continue;
    if (!unchecked_prefix.empty() && name.rfind(unchecked_prefix, 0) == 0) continue;
    std::string list;
    for (const auto& [property, mutable_one] : known) {
      if (mutable_one) list += (list.empty() ? "" : ", ") + property;
    }
    throw Failure(ERR_PROPERTY, "ovConfig: " + device + " has no property " + name + "; it has " + list);
  }
}

// {CPU:{NUM_STREAMS:1}}, for virtual devices.
void check_nested(const ov::Any& value, const std::string& unchecked_prefix) {
  ov::AnyMap devices;
  try {
    devices = value.as<ov::AnyMap>();
  } catch (const std::exception&) {
    throw Failure(ERR_PROPERTY,
                  "ovConfig.DEVICE_PROPERTIES: expected {DEVICE:{NAME:VALUE}}, found " + value.as<std::string>());
  }
  for (const auto& [device, properties] : devices) {
    const auto known = known_properties(device);
    if (known.empty()) {
      throw Failure(ERR_PROPERTY, "ovConfig.DEVICE_PROPERTIES: device " + device + " is not present");
    }
    require_known(device, unchecked_prefix, known, properties.as<ov::AnyMap>());
  }
}

void check_properties(const DeviceFeatures& device, const ov::AnyMap& properties) {
  std::map<std::string, bool> known;
  for (const auto& source : device.property_sources) known.merge(known_properties(source));
  if (device.nested_properties) known["DEVICE_PROPERTIES"] = true;  // not in their lists, but taken
  require_known(device.name, device.unchecked_prefix, known, properties);
  const auto nested = properties.find("DEVICE_PROPERTIES");
  if (nested != properties.end()) check_nested(nested->second, device.unchecked_prefix);
}

// Whether words of OpenVINO are about one of these properties.
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

ov::AnyMap checked_properties(const EngineConfig& config) {
  auto properties = parse_properties(config);
  if (config.device.must_be_present) require_present(config.device.name);
  check_properties(config.device, properties);
  return properties;
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
  decoder.model.reset();  // its constants would stay in memory beside the compiled ones
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
