#include "openvino/runners/compile.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <sstream>

#include "openvino/core.h"
#include "openvino/kernels/kernel_choice.h"

namespace llm {
namespace {

// Of CPU, GPU.1, AUTO:GPU,CPU: what is before the dot or colon.
std::string plugin_of(const std::string& device) { return device.substr(0, device.find_first_of(".:")); }

// Virtual devices (AUTO, HETERO:…) are always there and pass properties on.
bool is_virtual(const std::string& device) {
  const auto plugin = plugin_of(device);
  return plugin == "AUTO" || plugin == "HETERO" || plugin == "MULTI" || plugin == "BATCH";
}

// GPU.1 and CPU of `GPU.1,CPU(2)`; those that a list leaves out (-GPU) are not among them.
std::vector<std::string> devices_in(const std::string& list) {
  std::vector<std::string> devices;
  std::istringstream parts(list);
  for (std::string part; std::getline(parts, part, ',');) {
    part = part.substr(0, part.find('('));
    if (!part.empty() && part[0] != '-') devices.push_back(part);
  }
  return devices;
}

// The devices that the configured one hands properties on to.
std::vector<std::string> inner_devices(const EngineConfig& config, const ov::AnyMap& properties) {
  if (is_virtual(config.device)) {
    const auto colon = config.device.find(':');
    return colon == std::string::npos ? core().get_available_devices() : devices_in(config.device.substr(colon + 1));
  }
  if (plugin_of(config.device) != "NPU") return {};
  const auto listed = properties.find("NPUW_DEVICES");
  return listed == properties.end() ? std::vector<std::string>{"CPU"} : devices_in(listed->second.as<std::string>());
}

// A model for the NPU can be computed by other devices: that is how it is tried without one.
bool is_emulated(const EngineConfig& config, const ov::AnyMap& properties) {
  if (plugin_of(config.device) != "NPU" || !properties.contains("NPUW_DEVICES")) return false;
  const auto inner = inner_devices(config, properties);
  return std::none_of(inner.begin(), inner.end(), [](const auto& device) { return plugin_of(device) == "NPU"; });
}

ov::AnyMap parse_properties(const EngineConfig& config) {
  ov::AnyMap properties;
  for (const auto& line : config.properties) {
    const auto sign = line.find('=');
    if (sign == std::string::npos) throw Failure(ERR_PROPERTY, "expected KEY=VALUE, found " + line);
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
  throw Failure(ERR_DEVICE, "device " + config.device + " is not present; OpenVINO sees " + list);
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

void require_known(const std::string& device, const std::map<std::string, bool>& known, const ov::AnyMap& properties) {
  for (const auto& [name, value] : properties) {
    if (known.contains(name)) continue;
    // The NPU's plugin lists none of the properties of its compiler and its wrapper; it refuses unknown ones by name.
    if (plugin_of(device) == "NPU" && name.rfind("NPU", 0) == 0) continue;
    std::string list;
    for (const auto& [property, mutable_one] : known) {
      if (mutable_one) list += (list.empty() ? "" : ", ") + property;
    }
    throw Failure(ERR_PROPERTY, "ovConfig: " + device + " has no property " + name + "; it has " + list);
  }
}

// {CPU:{NUM_STREAMS:1}}, for virtual devices.
void check_nested(const ov::Any& value) {
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
    require_known(device, known, properties.as<ov::AnyMap>());
  }
}

void check_properties(const EngineConfig& config, const ov::AnyMap& properties) {
  auto known = known_properties(is_virtual(config.device) ? plugin_of(config.device) : config.device);
  for (const auto& device : inner_devices(config, properties)) known.merge(known_properties(device));
  if (is_virtual(config.device)) known["DEVICE_PROPERTIES"] = true;  // not in their lists, but taken
  require_known(config.device, known, properties);
  const auto nested = properties.find("DEVICE_PROPERTIES");
  if (nested != properties.end()) check_nested(nested->second);
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
  if (!is_virtual(config.device) && !is_emulated(config, properties)) check_device(config);
  check_properties(config, properties);
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
  if (config.device == "CPU") {
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
    compiled = core().compile_model(decoder.model, config.device, chosen);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    const auto words = plain_words(error);
    throw Failure(blames(words, properties) ? ERR_PROPERTY : ERR_ENGINE,
                  "OpenVINO cannot compile it for " + config.device + ": " + words);
  }
  decoder.model.reset();  // its constants would stay in memory beside the compiled ones
  info.compile_ms = since(begin);
  info.properties = effective_properties(compiled);
  try {
    info.devices = compiled.get_property(ov::execution_devices);
  } catch (const std::exception&) {
    info.devices = {config.device};
  }
  post(Progress{Stage::kCompile, 1, 1});
  return compiled;
}

}  // namespace llm
