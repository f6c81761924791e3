// Values and structures of ours as values of JavaScript.
#pragma once
#include <napi.h>

#include <algorithm>
#include <string>
#include <type_traits>
#include <variant>

#include "node/fields.h"
#include "node/type_name.h"

namespace llm {

template <class Struct>
void write_fields(Napi::Object object, const Struct& value);

template <class T>
Napi::Value to_js(Napi::Env env, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return Napi::Boolean::New(env, value);
  } else if constexpr (std::is_arithmetic_v<T>) {
    return Napi::Number::New(env, static_cast<double>(value));
  } else if constexpr (std::is_same_v<T, std::string>) {
    return Napi::String::New(env, value);
  } else if constexpr (std::is_enum_v<T>) {
    return Napi::String::New(env, name_of(value));
  } else if constexpr (kIsTokens<T>) {
    auto array = Napi::Int32Array::New(env, value.size());
    std::copy(value.begin(), value.end(), array.Data());
    return array;
  } else if constexpr (kIsVector<T>) {
    auto array = Napi::Array::New(env, value.size());
    for (size_t i = 0; i < value.size(); ++i) array.Set(static_cast<uint32_t>(i), to_js(env, value[i]));
    return array;
  } else if constexpr (kIsMap<T>) {
    auto object = Napi::Object::New(env);
    for (const auto& [name, one] : value) object.Set(name, to_js(env, one));
    return object;
  } else if constexpr (kIsVariant<T>) {
    return std::visit([env](const auto& one) { return to_js(env, one); }, value);
  } else {
    auto object = Napi::Object::New(env);
    write_fields(object, value);
    return object;
  }
}

template <class Struct>
void write_fields(Napi::Object object, const Struct& value) {
  each_field(value, [&](const char* name, const auto& field) { object.Set(name, to_js(object.Env(), field)); });
}

}  // namespace llm
