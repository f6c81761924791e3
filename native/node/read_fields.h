// Values of JavaScript as structures of ours. A value of a wrong type, a missing field and an unknown one throw a
// TypeError.
#pragma once
#include <napi.h>

#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "node/fields.h"
#include "node/type_name.h"

namespace llm {

template <class Struct>
Struct read_struct(const Napi::Value& value, const std::string& what);

// A copy of a typed array of this kind.
template <class Array, class T>
T read_numbers(const Napi::Value& value, const std::string& name, napi_typedarray_type type) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    throw Napi::TypeError::New(value.Env(), "addon: expected " + name + " to be of type " + type_name<T>());
  }
  const auto array = value.As<Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

inline std::vector<int32_t> read_tokens(const Napi::Value& value, const std::string& name) {
  return read_numbers<Napi::Int32Array, std::vector<int32_t>>(value, name, napi_int32_array);
}

template <class T>
void read_field(const Napi::Value& value, const std::string& name, T& field) {
  const auto wrong = [&] {
    return Napi::TypeError::New(value.Env(), "addon: expected " + name + " to be of type " + type_name<T>());
  };
  if constexpr (std::is_same_v<T, std::string>) {
    if (!value.IsString()) throw wrong();
    field = value.As<Napi::String>().Utf8Value();
  } else if constexpr (std::is_same_v<T, std::vector<std::string>> || std::is_same_v<T, std::vector<double>>) {
    if (!value.IsArray()) throw wrong();
    const auto array = value.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i) read_field(array.Get(i), name, field.emplace_back());
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!value.IsBoolean()) throw wrong();
    field = value.As<Napi::Boolean>().Value();
  } else if constexpr (std::is_same_v<T, std::vector<int32_t>>) {
    field = read_tokens(value, name);
  } else if constexpr (std::is_same_v<T, std::vector<uint8_t>>) {
    field = read_numbers<Napi::Uint8Array, T>(value, name, napi_uint8_array);
  } else if constexpr (std::is_same_v<T, std::vector<uint32_t>>) {
    field = read_numbers<Napi::Uint32Array, T>(value, name, napi_uint32_array);
  } else if constexpr (std::is_class_v<T>) {
    field = read_struct<T>(value, name);
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
