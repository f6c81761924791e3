#include "openvino/runners/cache_precision.h"

namespace llm {
namespace {

constexpr const char* kInference = "INFERENCE_PRECISION_HINT";
constexpr const char* kCache = "KV_CACHE_PRECISION";

bool is_f32(const ov::AnyMap& properties, const char* name) {
  const auto found = properties.find(name);
  return found != properties.end() && found->second.as<std::string>() == "f32";
}

bool needs_f32(const DeviceFeatures& device, const ov::AnyMap& properties) {
  return device.kv_memory == "device" && is_f32(properties, kInference);
}

}  // namespace

ov::AnyMap with_cache_precision(const DeviceFeatures& device, ov::AnyMap properties) {
  if (needs_f32(device, properties)) properties.emplace(kCache, "f32");
  return properties;
}

std::optional<std::string> cache_precision_obstacle(const DeviceFeatures& device, const ov::AnyMap& properties) {
  const auto asked = properties.find(kCache);
  if (!needs_f32(device, properties) || asked == properties.end() || is_f32(properties, kCache)) return std::nullopt;
  return "OpenVINO's kernels for " + device.name + " that compute in f32 take a paged KV cache in f32 only, and " +
         kCache + " is " + asked->second.as<std::string>();
}

std::string cache_precision_hint(const ov::AnyMap& properties) {
  const bool cache = is_f32(properties, kCache) || is_f32(properties, "KEY_CACHE_PRECISION") ||
                     is_f32(properties, "VALUE_CACHE_PRECISION");
  if (!cache || is_f32(properties, kInference)) return "";
  return " (a paged KV cache in f32 needs INFERENCE_PRECISION_HINT f32)";
}

}  // namespace llm
