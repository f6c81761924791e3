// The one list of fields that cross the boundary downwards: it reads them, checks them and describes them (buildInfo),
// so the three cannot differ. lib/engine/boundary.ts holds the other side's list.
#pragma once
#include <napi.h>

#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/request.h"
#include "engine/types.h"

namespace llm {

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
  visit("activationSpan", config.activation_span);
  visit("kernelChoices", config.kernel_choices);
  visit("packedPath", config.packed_path);
  visit("warmup", config.warmup);
  visit("script", config.script);
  visit("scriptNumbers", config.script_numbers);
}

template <class Visit>
void each_field(RequestParams& params, Visit&& visit) {
  visit("maxNewTokens", params.max_new_tokens);
  visit("stopTokenIds", params.stop_token_ids);
  each_field(static_cast<SamplingParams&>(params), visit);
  visit("priority", params.priority);
  visit("lookupNgram", params.lookup_ngram);
  visit("lookupTokens", params.lookup_tokens);
}

template <class T>
constexpr const char* type_name() {
  if constexpr (std::is_same_v<T, std::string>) {
    return "string";
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    return "string[]";
  } else if constexpr (std::is_same_v<T, bool>) {
    return "boolean";
  } else if constexpr (std::is_same_v<T, double>) {
    return "number";
  } else if constexpr (std::is_same_v<T, std::vector<int32_t>>) {
    return "int[]";
  } else if constexpr (std::is_same_v<T, DeviceFeatures>) {
    return "DeviceFeatures";
  } else {
    static_assert(std::is_same_v<T, int32_t> || std::is_same_v<T, uint32_t>);
    return "int";
  }
}

template <class Struct>
std::vector<std::string> describe_fields() {
  std::vector<std::string> names;
  Struct scratch;
  each_field(scratch, [&](const char* name, auto& field) {
    names.push_back(std::string(name) + ":" + type_name<std::remove_reference_t<decltype(field)>>());
  });
  return names;
}

inline std::vector<int32_t> read_tokens(const Napi::Value& value, const std::string& name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
    throw Napi::TypeError::New(value.Env(), "addon: expected " + name + " to be an Int32Array");
  }
  const auto array = value.As<Napi::Int32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

template <class Struct>
Struct read_struct(const Napi::Value& value, const std::string& what);

template <class T>
void read_field(const Napi::Value& value, const std::string& name, T& field) {
  const auto wrong = [&] {
    return Napi::TypeError::New(value.Env(), "addon: expected " + name + " to be of type " + type_name<T>());
  };
  if constexpr (std::is_same_v<T, std::string>) {
    if (!value.IsString()) throw wrong();
    field = value.As<Napi::String>().Utf8Value();
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    if (!value.IsArray()) throw wrong();
    const auto array = value.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i) read_field(array.Get(i), name, field.emplace_back());
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!value.IsBoolean()) throw wrong();
    field = value.As<Napi::Boolean>().Value();
  } else if constexpr (std::is_same_v<T, std::vector<int32_t>>) {
    field = read_tokens(value, name);
  } else if constexpr (std::is_same_v<T, DeviceFeatures>) {
    field = read_struct<DeviceFeatures>(value, name);
  } else {
    if (!value.IsNumber()) throw wrong();
    const double number = value.As<Napi::Number>().DoubleValue();
    if constexpr (std::is_same_v<T, double>) {
      if (std::isnan(number)) throw wrong();
      field = number;
    } else {
      const bool inside =
          number >= std::numeric_limits<T>::lowest() && number <= std::numeric_limits<T>::max();  // NaN is not
      if (!inside || static_cast<double>(static_cast<T>(number)) != number) throw wrong();
      field = static_cast<T>(number);
    }
  }
}

// Throws a TypeError unless `object` has exactly the fields of the list.
template <class Struct>
Struct read_struct(const Napi::Value& value, const std::string& what) {
  if (!value.IsObject()) throw Napi::TypeError::New(value.Env(), "addon: expected " + what + " to be an object");
  const auto object = value.As<Napi::Object>();
  Struct result;
  uint32_t count = 0;
  each_field(result, [&](const char* name, auto& field) {
    read_field(object.Get(name), what + "." + name, field);
    ++count;
  });
  if (object.GetPropertyNames().Length() != count) {
    throw Napi::TypeError::New(value.Env(), "addon: " + what + " has fields that the addon does not know");
  }
  return result;
}

}  // namespace llm
