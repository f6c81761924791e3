// What buildInfo calls the types of fields; `Types` of lib/engine/fields.ts says what they are in TypeScript.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "node/fields.h"

namespace llm {

template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;
template <class T>
inline constexpr bool kIsMap = false;
template <class T>
inline constexpr bool kIsMap<std::map<std::string, T>> = true;
template <class T>
inline constexpr bool kIsVariant = false;
template <class... T>
inline constexpr bool kIsVariant<std::variant<T...>> = true;
template <class T>
inline constexpr bool kIsTokens = std::is_same_v<T, std::vector<Token>> || std::is_same_v<T, TokenList>;

template <class T>
inline constexpr bool kIsBytes = std::is_same_v<T, std::vector<uint8_t>>;
template <class T>
inline constexpr bool kIsOffsets = std::is_same_v<T, std::vector<uint32_t>>;

template <class T>
std::string type_name() {
  if constexpr (std::is_same_v<T, std::string>) {
    return "string";
  } else if constexpr (std::is_same_v<T, bool>) {
    return "boolean";
  } else if constexpr (std::is_same_v<T, int32_t> || std::is_same_v<T, uint32_t>) {
    return "int";
  } else if constexpr (std::is_arithmetic_v<T>) {
    return "number";
  } else if constexpr (kIsTokens<T>) {
    return "Int32Array";
  } else if constexpr (kIsBytes<T>) {
    return "Uint8Array";
  } else if constexpr (kIsOffsets<T>) {
    return "Uint32Array";
  } else if constexpr (kIsVector<T>) {
    return type_name<typename T::value_type>() + "[]";
  } else if constexpr (kIsMap<T>) {
    return "Record<string, " + type_name<typename T::mapped_type>() + ">";
  } else if constexpr (kIsVariant<T>) {
    return "JobResult";
  } else {
    static_assert(kTypeName<T> != nullptr, "give it a kTypeName in fields.h");
    return kTypeName<T>;
  }
}

}  // namespace llm
