#include "openvino/runners/properties.h"

#include <map>
#include <string>
#include <vector>

#include "openvino/core.h"
#include "openvino/runners/device_presence.h"

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

std::vector<std::string> ids_of(const std::string& plugin) {
  try {
    return core().get_property(plugin, ov::available_devices);
  } catch (const std::exception&) {
    // Without its driver, or without the plugin itself, there is no such device.
    return {};
  }
}

void require_present(const std::string& device) {
  if (is_present(device, ids_of(plugin_of(device)))) return;
  throw Failure(ERR_DEVICE, "device " + device + " is not present; OpenVINO sees " +
                                list_present(core().get_available_devices(), ids_of));
}

// The properties of a device, and whether each can be set; empty when the device cannot be asked.
std::map<std::string, bool> known_properties(const std::string& device) {
  std::map<std::string, bool> known;
  try {
    for (const auto& property : core().get_property(device, ov::supported_properties)) {
      known[property] = property.is_mutable();
    }
  } catch (const std::exception&) {
    // One of several devices is not there. The properties of the others count.
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

}  // namespace

ov::AnyMap checked_properties(const EngineConfig& config) {
  auto properties = parse_properties(config);
  if (config.device.must_be_present) require_present(config.device.name);
  check_properties(config.device, properties);
  return properties;
}

}  // namespace llm
